// The client: one connection, one inbox, and the threads that somebody looks at.

import { Cell } from './cell.js'
import { isDeactivation, isNotAdmitted, isTidingsError, tidingsError } from './errors.js'
import { Http } from './http.js'
import { Inbox } from './inbox/store.js'
import { Live } from './live.js'
import type { SocketState } from './socket.js'
import { indexedDbStorage, memoryStorage } from './storage.js'
import { openTabs } from './tabs.js'
import type { Tabs } from './tabs.js'
import { Thread } from './thread.js'
import { Tokens, subjectOf } from './tokens.js'
import type {
  ConnectOptions,
  Connection,
  ConnectionState,
  Storage,
  Tidings,
  TidingsError,
} from './types.js'

const HIDDEN_FOR = 5 * 60_000
/** Milliseconds to wait for a token without a network, before what was kept last is shown. */
const LONGEST_WAIT_FOR_TOKEN = 3_000
/** Milliseconds between two questions for a token while nobody is signed in. */
const ASK_AGAIN = 5_000

/** Settings for tests. */
export interface InternalOptions {
  /** Milliseconds after which a silent connection counts as cut. */
  silence?: number
}

/** Connects to a server: shows what was kept of the inbox at once, and then follows it. */
export function connect(options: ConnectOptions & InternalOptions): Tidings {
  return new Client(options)
}

class Client implements Tidings {
  readonly inbox: Inbox
  readonly #connection: Cell<Connection>
  readonly #http: Http
  readonly #tokens: Tokens
  readonly #url: string
  readonly #options: ConnectOptions & InternalOptions
  readonly #threads = new Map<string, Thread>()
  /** Undefined until it is known who is here. */
  #tabs: Tabs | undefined
  #live: Live | undefined
  readonly #waiting: (() => void)[] = []
  /** Ends waits before their time. */
  readonly #waits = new Set<() => void>()
  #socket: SocketState = { at: 'idle' }
  #cuts = 0
  #isCaughtUp = false
  #isPolling = false
  #isPaused = false
  #isClosed = false
  /** Why the server does not let this person in. */
  #refusal: Pick<TidingsError, 'code' | 'message'> | undefined
  #hasBeenLive = false

  constructor(options: ConnectOptions & InternalOptions) {
    this.#options = options
    this.#url = new URL(options.url, globalThis.location?.href).href
    this.#connection = new Cell<Connection>({ state: 'connecting', since: Date.now(), pending: 0 })
    this.#tokens = new Tokens(() => options.getToken())
    this.#http = new Http({
      url: this.#url,
      tokens: this.#tokens,
      persisted: options.persisted ?? false,
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      onAnswer: error => this.#answered(error),
    })
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- for the getter
    const client = this
    this.inbox = new Inbox({
      get isLeader() {
        return client.#tabs?.isLeader ?? false
      },
      request: (document, variables) => this.request(document, variables),
      subscribe: (document, variables, sink) => this.subscribe(document, variables, sink),
      tell: message => this.#tabs?.send({ type: 'inbox', message }),
      caughtUp: () => this.#caughtUp(),
      polling: isPolling => {
        this.#isPolling = isPolling
        this.#say()
      },
      pending: pending => {
        const known = this.#connection.get()
        if (known.pending !== pending) this.#connection.set({ ...known, pending })
      },
    })
    globalThis.addEventListener?.('online', this.#hurry)
    void this.#start()
  }

  get connection(): Cell<Connection> {
    return this.#connection
  }

  request: Tidings['request'] = (document, variables, { signal } = {}) => {
    if (this.#isClosed) return Promise.reject(tidingsError('ABORTED', 'the client was closed'))
    return this.#http.request(document, variables, signal)
  }

  subscribe: Tidings['subscribe'] = (document, variables, sink) => {
    let stop: (() => void) | undefined
    let isOver = false
    const start = () => {
      if (!isOver) stop = this.#live?.subscribe(document, variables, sink)
    }
    if (this.#live) start()
    else this.#waiting.push(start)
    return () => {
      isOver = true
      stop?.()
    }
  }

  thread = (rootId: string): Thread => {
    const known = this.#threads.get(rootId)
    if (known) return known
    const thread = new Thread(rootId, {
      request: (document, variables) => this.request(document, variables),
      subscribe: this.subscribe,
      kept: id => this.inbox.keeper.thread(id),
      keep: kept => this.inbox.keeper.keepThread(kept),
    })
    this.#threads.set(rootId, thread)
    return thread
  }

  close = (): void => {
    this.#end()
    void this.inbox.keeper.close()
  }

  signOut = async (): Promise<void> => {
    this.#tabs?.send({ type: 'sign-out' })
    await this.#leave()
  }

  async #leave(): Promise<void> {
    this.#refusal = tidingsError('UNAUTHENTICATED', 'signed out')
    this.#say()
    this.#end()
    await this.inbox.keeper.erase()
  }

  /** Ends everything but what is kept. */
  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#endWaits()
    globalThis.removeEventListener?.('online', this.#hurry)
    for (const thread of this.#threads.values()) thread.close()
    this.inbox.close()
    this.#live?.close()
    this.#tabs?.close()
  }

  async #start(): Promise<void> {
    const person = this.#options.person ?? (await this.#whoIsHere())
    const stored = await storageOf(this.#options.storage, this.#url).open(person)
    // Without a token it is whoever was here last, and nobody else may take their place unnoticed.
    if (person === undefined && stored) this.#tokens.expect(stored.name)
    if (this.#isClosed) return stored?.close()
    const name = `tidings ${this.#url} ${stored?.name ?? person ?? ''}`
    this.#tabs = openTabs(name, this.#options.shareSocket ?? true)
    this.#tabs.onMessage(message => {
      if (message.type === 'inbox') this.inbox.hear(message.message as never)
      if (message.type === 'sign-out') void this.#leave()
    })
    const opening = this.inbox.start(stored)
    this.#live = new Live({
      url: this.#url.replace(/^http/, 'ws'),
      tokens: this.#tokens,
      persisted: this.#options.persisted ?? false,
      webSocketImpl: this.#options.webSocketImpl,
      silence: this.#options.silence,
      tabs: this.#tabs,
      hiddenFor: this.#options.hiddenFor ?? HIDDEN_FOR,
      onState: state => this.#changed(state),
      onPaused: isPaused => this.#paused(isPaused),
    })
    for (const start of this.#waiting.splice(0)) start()
    this.#tabs.onLeading(() => this.inbox.leads())
    await opening
  }

  /** The subject of the token; undefined if there is none because there is no network. */
  async #whoIsHere(): Promise<string | undefined> {
    while (!this.#isClosed) {
      try {
        const token = await Promise.race([this.#tokens.get(), this.#isAway()])
        return token && (subjectOf(token) ?? '')
      } catch (error) {
        if (isTidingsError(error) && error.code === 'NETWORK') return undefined
        this.#answered(error as Error)
        await this.#wait(ASK_AGAIN)
      }
    }
    return undefined
  }

  /** Ends when the browser has known for a while that there is no network. */
  async #isAway(): Promise<undefined> {
    do await this.#wait(LONGEST_WAIT_FOR_TOKEN)
    while (!this.#isClosed && !this.#live && globalThis.navigator?.onLine !== false)
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds)
      this.#waits.add(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #hurry = (): void => {
    this.#endWaits()
    this.inbox.hurry()
    this.#live?.hurry()
  }

  #endWaits(): void {
    for (const end of this.#waits) end()
    this.#waits.clear()
  }

  #answered(error?: Error): void {
    if (error) {
      if (isTidingsError(error) && isNotAdmitted(error)) this.#refusal = error
    } else if (this.#socket.at !== 'refused') {
      this.#refusal = undefined
    }
    this.#say()
  }

  #changed(state: SocketState): void {
    this.#socket = state
    if (state.at === 'connected') {
      this.#cuts = 0
      this.#refusal = undefined
    }
    if (state.at === 'refused') this.#refusal = state
    if (state.at === 'cut' || state.at === 'refused') {
      this.#isCaughtUp = false
      if (!this.#isPolling) this.inbox.cut()
      this.#cuts += 1
    }
    // Perhaps only the socket does not get through.
    if (state.at === 'cut' && (state.hasTooMany || this.#cuts >= 3)) this.inbox.poll()
    this.#say()
  }

  #paused(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) {
      this.#isCaughtUp = false
      this.inbox.cut()
      this.inbox.stopPolling()
    }
    this.#say()
  }

  #caughtUp(): void {
    this.#isCaughtUp = true
    this.inbox.stopPolling()
    this.#say()
  }

  /** Says what state the connection is in, if it has changed. */
  #say(): void {
    const known = this.#connection.get()
    const state = this.#state()
    const { code, message: reason } = this.#refusal ?? {}
    if (state === known.state && reason === known.reason) return
    const now = Date.now()
    const isBack = known.state === 'offline' && (state === 'live' || state === 'polling')
    const { pending, reconnectedAt } = known
    this.#connection.set({
      state,
      since: now,
      pending,
      ...((isBack || reconnectedAt) && { reconnectedAt: isBack ? now : reconnectedAt }),
      ...(this.#refusal && { code, reason }),
    })
    if (isBack) this.inbox.reconnected(now - known.since)
  }

  #state(): ConnectionState {
    if (this.#refusal) return isDeactivation(this.#refusal) ? 'deactivated' : 'signed-out'
    if (this.#isPaused) return 'paused'
    if (this.#isCaughtUp) {
      this.#hasBeenLive = true
      return 'live'
    }
    if (this.#isPolling) return 'polling'
    const { state } = this.#connection.get()
    // Each attempt is not worth a word.
    if (this.#socket.at === 'cut' || state === 'offline') return 'offline'
    return this.#hasBeenLive && state !== 'connecting' && state !== 'paused'
      ? 'offline'
      : 'connecting'
  }
}

function storageOf(storage: ConnectOptions['storage'], url: string): Storage {
  if (typeof storage === 'object') return storage
  const canKeep = 'indexedDB' in globalThis
  return storage === 'memory' || !canKeep ? memoryStorage() : indexedDbStorage(url)
}
