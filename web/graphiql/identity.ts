// Who the page is signed in as, before anybody has edited the headers of a tab.

import type { DemoUser } from './demo'

/** What somebody replaces by a token of their own. */
const TEMPLATE = headersOf('<token>')
const KEY = 'tidings:signed-in-as'

let headers = TEMPLATE

export function headersOf(token: string): string {
  return JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2)
}

/** The headers of tabs that have none of their own, as the text of the editor. */
export function startingHeaders(): string {
  return headers
}

export function currentHeaders(): Record<string, string> {
  return JSON.parse(headers)
}

/** Each browser tab has its own person, who stays when it is loaded anew. */
export function signIn(user: DemoUser) {
  headers = headersOf(user.token)
  sessionStorage.setItem(KEY, user.name)
}

/** Signs in as the person of before, or the first one. */
export function signInAgain(users: DemoUser[]) {
  const name = sessionStorage.getItem(KEY)
  const user = users.find(user => user.name === name) ?? users[0]
  if (user) signIn(user)
}
