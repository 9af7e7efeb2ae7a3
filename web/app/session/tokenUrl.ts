// Tokens from the host application, which knows the person by its own cookie.

import { NotSignedIn, type SignIn } from './signIn'

/**
 * Asks `url` for a token with the browser's cookies: a POST, so that no other page can have the
 * answer by a link or a script, answered by `{ "token": "…" }`. 401 and 403 mean that nobody is
 * signed in there.
 */
export function tokenUrl(url: string): SignIn {
  return {
    async getToken() {
      const answer = await fetch(new URL(url, window.location.href), {
        method: 'POST',
        credentials: 'include',
        cache: 'no-store',
        headers: { accept: 'application/json' },
      })
      if (answer.status === 401 || answer.status === 403) throw new NotSignedIn()
      // The client takes a TypeError, which is fetch's own, for a network that is away, and tries again.
      const Failure = answer.status >= 500 ? TypeError : Error
      if (!answer.ok) throw new Failure(`The application answered with ${answer.status}.`)
      const { token } = (await answer.json()) as { token?: unknown }
      if (typeof token !== 'string') throw new Error('The application answered without a token.')
      return token
    },
    // The session belongs to the application, which ends it.
    signOut: async () => {},
  }
}
