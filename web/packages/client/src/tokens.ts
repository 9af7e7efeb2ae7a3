import { tidingsError } from './errors.js'

/** The token of the page: asked for when it is needed, and again when the server refuses it. */
export class Tokens {
  #ask: () => string | Promise<string>
  #current?: Promise<string>
  #refused?: string
  /** Whom the tokens belong to. */
  #subject?: string

  constructor(ask: () => string | Promise<string>) {
    this.#ask = ask
  }

  /** Rejects with `UNAUTHENTICATED` if it is the one that was refused. */
  get(): Promise<string> {
    this.#current ??= this.#fresh()
    return this.#current
  }

  async #fresh(): Promise<string> {
    let token: string
    try {
      token = await this.#ask()
    } catch (error) {
      this.#current = undefined
      // Errors of the browser: there is no network, or the time has run out.
      const isOfBrowser = error instanceof TypeError || error instanceof DOMException
      throw isOfBrowser || globalThis.navigator?.onLine === false
        ? tidingsError('NETWORK', 'there is no token: the network is away')
        : tidingsError('UNAUTHENTICATED', error instanceof Error ? error.message : String(error))
    }
    if (!token || token === this.#refused) {
      this.#current = undefined
      throw tidingsError('UNAUTHENTICATED', 'the token is not accepted')
    }
    const subject = subjectOf(token)
    this.#subject ??= subject
    if (subject !== this.#subject) {
      this.#current = undefined
      throw tidingsError('UNAUTHENTICATED', 'somebody else is signed in: load the page again')
    }
    return token
  }

  /** What is shown belongs to somebody: no other token may be used from now on. */
  expect(subject: string): void {
    this.#subject = subject
  }

  /** The server does not accept it any more. */
  async refuse(token: string): Promise<void> {
    this.#refused = token
    // Somebody else may have asked for a fresh one already.
    if ((await this.#current?.catch(() => undefined)) === token) this.#current = undefined
  }
}

/** Whom a JSON Web Token belongs to; undefined if it is something else. */
export function subjectOf(token: string): string | undefined {
  try {
    const payload = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')
    const bytes = Uint8Array.from(atob(payload), character => character.charCodeAt(0))
    const { sub } = JSON.parse(new TextDecoder().decode(bytes))
    return typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}
