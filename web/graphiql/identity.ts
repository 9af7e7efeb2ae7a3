// Who the page is signed in as: the headers that a tab without its own begins with.

import type { DemoUser } from './demo'

/** What somebody replaces by a token of their own. */
const TEMPLATE = headersOf('<token>')
const KEY = 'tidings:signed-in-as'

let headers = TEMPLATE

export function headersOf(token: string): string {
  return JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2)
}

/** Whether a tab has no headers of its own. */
export function isBlank(text: string): boolean {
  return text.trim() === '' || text === TEMPLATE
}

/** What the headers editor shows now, other tabs begin with. */
export function remember(text: string) {
  if (isBlank(text)) return
  try {
    JSON.parse(text)
    headers = text
  } catch {
    // Somebody is still writing.
  }
}

/** As the text of the editor. */
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
