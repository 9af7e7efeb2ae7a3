/** One way of signing in. Tokens stay in memory: a reload asks for a new one. */
export interface SignIn {
  /** A fresh token. Called at the beginning, and whenever the server no longer takes the last one. */
  getToken(): Promise<string>
  /** Ends the session where it began, as far as that is possible from here. */
  signOut(): Promise<void>
}

/** Nobody is signed in where the tokens come from. */
export class NotSignedIn extends Error {
  override readonly name = 'NotSignedIn'
}
