// The people of the demo, whose tokens the server gives to anybody on this machine.

import type { SignIn } from './signIn'

export interface DemoUser {
  /** The external id of a person, or the name of the host application. */
  name: string
  role: 'user' | 'service' | 'admin'
  token: string
  avatarUrl?: string | null
}

const KEY = 'tidings:demo'

export async function demoUsers(): Promise<DemoUser[]> {
  const answer = await fetch('./demo/users.json', { cache: 'no-store' })
  if (!answer.ok) throw new Error(`users.json: ${answer.status}`)
  return (await answer.json()) as DemoUser[]
}

/** Whom this tab is signed in as. Another tab may be somebody else: so one sees both ends. */
export function chosen(): string | null {
  return window.sessionStorage.getItem(KEY)
}

export function choose(name: string | null) {
  if (name === null) window.sessionStorage.removeItem(KEY)
  else window.sessionStorage.setItem(KEY, name)
}

export function demo(name: string): SignIn {
  return {
    async getToken() {
      const user = (await demoUsers()).find(user => user.name === name)
      if (!user) throw new Error(`The demo has nobody called ${name}.`)
      return user.token
    },
    signOut: async () => choose(null),
  }
}
