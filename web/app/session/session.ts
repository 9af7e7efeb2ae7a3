// Who is signed in. It begins with the server's settings, finds the way of signing in, and from
// then on holds the one client of this page.

import { connect, type Tidings } from '@tidings/client'
import { forget } from '../lib/kept'
import { loadConfig, type Config, type SignInConfig } from './config'
import { chosen, choose, demo } from './demo'
import { pasted } from './pasted'
import { NotSignedIn, type SignIn } from './signIn'
import { tokenUrl } from './tokenUrl'

export type SessionState =
  | { kind: 'starting' }
  /** The server does not answer; it is asked again by itself. */
  | { kind: 'unreachable' }
  | { kind: 'choose-person' }
  | { kind: 'paste-token' }
  /** After signing out, or because nobody is signed in where the tokens come from. */
  | { kind: 'signed-out'; why: 'by-choice' | 'not-signed-in' }
  | { kind: 'failed'; error: Error }
  /** The server does not let this person in any more. */
  | { kind: 'deactivated'; code: string; session: SignedIn }
  | { kind: 'signed-in'; tidings: Tidings; session: SignedIn }

export interface SignedIn {
  how: SignInConfig['kind']
  /** Fetches what is not GraphQL, such as the report's file, as the person. */
  fetch(address: string): Promise<Response>
  signOut(): Promise<void>
}

const ASK_AGAIN = 3_000

export class Session {
  #state: SessionState = { kind: 'starting' }
  #listeners = new Set<() => void>()
  #config: Config | undefined
  /** Counts the times that somebody signed in: nothing of one person is shown to the next. */
  round = 0

  readonly get = () => this.#state
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What is known of the server before anybody has signed in. */
  get config(): Config | undefined {
    return this.#config
  }

  async start() {
    this.#change({ kind: 'starting' })
    try {
      this.#config = await loadConfig()
    } catch {
      this.#change({ kind: 'unreachable' })
      setTimeout(() => void this.start(), ASK_AGAIN)
      return
    }
    await this.begin()
  }

  /** Signs in as the settings say, or shows what is needed for it. */
  async begin() {
    const config = this.#config?.signIn
    if (!config) return
    try {
      if (config.kind === 'demo') {
        const name = chosen()
        if (name === null) this.#change({ kind: 'choose-person' })
        else this.#connect(config.kind, demo(name), `demo:${name}`)
      } else if (config.kind === 'url') {
        this.#connect(config.kind, tokenUrl(config.url))
      } else if (config.kind === 'oidc') {
        // The library is loaded by those who need it.
        const { oidc } = await import('./oidc')
        this.#connect(config.kind, await oidc(config))
      } else {
        this.#change({ kind: 'paste-token' })
      }
    } catch (error) {
      this.#change({ kind: 'failed', error: error as Error })
    }
  }

  beSomebody(name: string) {
    choose(name)
    void this.begin()
  }

  usePasted(token: string) {
    this.#connect('none', pasted(token))
  }

  #connect(how: SignInConfig['kind'], signIn: SignIn, person?: string) {
    let failure: unknown
    let token: string | undefined
    const getToken = async () => {
      try {
        return (token = await signIn.getToken())
      } catch (error) {
        failure = error
        throw error
      }
    }
    const tidings = connect({
      url: './graphql',
      getToken,
      persisted: this.#config?.persisted ?? false,
      ...(person && { person }),
    })
    const session: SignedIn = {
      how,
      fetch: async address => {
        const ask = (token: string) =>
          fetch(address, { headers: { authorization: `Bearer ${token}` } })
        const answer = await ask(token ?? (await getToken()))
        return answer.status === 401 ? ask(await getToken()) : answer
      },
      signOut: async () => {
        stop()
        forget('draft:')
        forget('searches:')
        await tidings.signOut()
        await signIn.signOut()
        this.#left(how)
      },
    }
    const stop = tidings.connection.subscribe(() => {
      const { state, code = '', reason } = tidings.connection.get()
      if (state !== 'signed-out' && state !== 'deactivated') return
      stop()
      tidings.close()
      if (state === 'deactivated') {
        return this.#change({ kind: 'deactivated', code, session })
      }
      if (how === 'demo') choose(null)
      // In another tab.
      if (reason === 'signed out') return this.#left(how)
      if (how === 'url' || how === 'oidc') {
        if (failure === undefined || failure instanceof NotSignedIn) {
          this.#change({ kind: 'signed-out', why: 'not-signed-in' })
          return
        }
      }
      this.#change({ kind: 'failed', error: new Error(reason) })
    })
    this.round++
    this.#change({ kind: 'signed-in', tidings, session })
  }

  /** After somebody has signed out. */
  #left(how: SignInConfig['kind']) {
    if (how === 'demo') this.#change({ kind: 'choose-person' })
    else if (how === 'none') this.#change({ kind: 'paste-token' })
    else this.#change({ kind: 'signed-out', why: 'by-choice' })
  }

  #change(state: SessionState) {
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}
