// Subscriptions over one websocket, which come back after any cut and continue where they were.

import { createClient } from 'graphql-ws/client'
import type { Client } from 'graphql-ws/client'
import {
  fromGraphQL,
  fromReason,
  isDeactivation,
  isNotAdmitted,
  isTidingsError,
  waitBefore,
} from './errors.js'
import type { GraphQLError } from './errors.js'
import { payload } from './http.js'
import type { Tokens } from './tokens.js'
import type { Sink, TidingsError, TypedDocument } from './types.js'

/** Milliseconds in which a living server is heard of: it pings every 25 seconds. */
const LONGEST_SILENCE = 60_000
/** Milliseconds for a handshake, from the first packet to the server's acknowledgement. */
const LONGEST_HANDSHAKE = 15_000

/** Stands for the text of a document that is named by its hash: graphql-ws insists on a text. */
const BY_HASH = '#'

export type SocketState =
  | { at: 'idle' | 'connecting' | 'connected' }
  /** It tries again by itself. */
  | { at: 'cut'; hasTooMany: boolean }
  /** It tries again when there may be another token. */
  | { at: 'refused'; code: string; message: string }

export interface SocketOptions {
  url: string
  tokens: Tokens
  persisted: boolean
  webSocketImpl?: unknown
  silence?: number
  onState(state: SocketState): void
}

interface CloseEvent {
  code: number
  reason: string
}

/** One subscription as its owner sees it: it lives longer than sockets do. */
interface Running {
  document: TypedDocument<unknown, unknown>
  variables: object
  sink: Sink<unknown>
  /** Ends its operation on the present socket; undefined while there is none. */
  stop?: () => void
}

export class Socket {
  #options: SocketOptions
  #client: Client
  #running = new Set<Running>()
  #isPaused = false
  #isClosed = false
  #watchdog: ReturnType<typeof setTimeout> | undefined
  /** Ends the present wait. */
  #hurry: (() => void) | undefined
  /** Whether a fresh token was tried since the server last accepted one. */
  #hasTriedFresh = false
  /** How often the server has refused what this page has for a token. */
  #refusals = 0
  #token = ''
  #isStarting = false

  constructor(options: SocketOptions) {
    this.#options = options
    this.#client = this.#create()
  }

  subscribe<R, V>(document: TypedDocument<R, V>, variables: V, sink: Sink<R>): () => void {
    const running = { document, variables, sink } as unknown as Running
    this.#running.add(running)
    this.#start()
    return () => {
      this.#running.delete(running)
      running.stop?.()
      running.stop = undefined
      if (this.#running.size === 0) this.#options.onState({ at: 'idle' })
    }
  }

  /** Closes the socket; subscriptions continue with `resume`. */
  pause(): void {
    this.#isPaused = true
    this.#stopAll()
  }

  resume(): void {
    this.#isPaused = false
    this.#start()
  }

  /** Does not wait for the time of the next attempt: the network or a token may be there. */
  hurry(): void {
    this.#hurry?.()
    this.#start()
  }

  /** The network is said to be away: a socket that is still open would not notice. */
  cut(): void {
    this.#client.terminate()
  }

  close(): void {
    this.#isClosed = true
    this.#running.clear()
    this.#hurry?.()
    clearTimeout(this.#watchdog)
    // It fails if a connection that is just being made fails.
    Promise.resolve(this.#client.dispose()).catch(() => undefined)
  }

  #create(): Client {
    const { url, tokens, webSocketImpl, silence = LONGEST_SILENCE, onState } = this.#options
    const expect = (milliseconds: number) => {
      clearTimeout(this.#watchdog)
      // A network that is cut says nothing.
      this.#watchdog = setTimeout(() => this.#client.terminate(), milliseconds)
    }
    return createClient({
      url,
      webSocketImpl: webSocketImpl && withoutCrash(webSocketImpl as typeof WebSocket),
      connectionParams: async () => {
        this.#token = await tokens.get()
        return { authorization: `Bearer ${this.#token}` }
      },
      jsonMessageReplacer: (key, value) =>
        key === 'query' && value === BY_HASH ? undefined : value,
      retryAttempts: Infinity,
      shouldRetry: () => !this.#isClosed,
      retryWait: retries => this.#untilReady(retries),
      on: {
        connecting: () => {
          onState({ at: 'connecting' })
          expect(Math.min(LONGEST_HANDSHAKE, silence))
        },
        connected: () => {
          this.#hasTriedFresh = false
          this.#refusals = 0
          onState({ at: 'connected' })
        },
        message: () => expect(silence),
        closed: event => {
          clearTimeout(this.#watchdog)
          const { code, reason } = event as CloseEvent
          // The token has expired; the next attempt comes with a fresh one.
          if (code === 4403) void tokens.refuse(this.#token)
          if (this.#running.size > 0 && !this.#isPaused && code !== 1000) {
            onState({ at: 'cut', hasTooMany: code === 1013 && reason.startsWith('LIMIT_EXCEEDED') })
          }
        },
      },
    })
  }

  /** Waits before an attempt, and until there is a token. */
  async #untilReady(attempt: number): Promise<void> {
    for (; !this.#isClosed; attempt += 1) {
      await this.#wait(waitBefore(attempt))
      try {
        await this.#options.tokens.get()
        return
      } catch (error) {
        this.#say(error)
      }
    }
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #say(error: unknown): void {
    if (isTidingsError(error) && isNotAdmitted(error)) this.#refused(error)
    else this.#options.onState({ at: 'cut', hasTooMany: false })
  }

  /** Other tabs are told, too: an error would not arrive there with its code. */
  #refused({ code, message }: TidingsError): void {
    this.#options.onState({ at: 'refused', code, message })
  }

  /** Begins what is not running yet. */
  async #start(): Promise<void> {
    if (this.#isStarting || this.#isPaused || this.#isClosed || this.#running.size === 0) return
    this.#isStarting = true
    try {
      await this.#options.tokens.get()
    } catch (error) {
      this.#say(error)
      await this.#untilReady(1)
    }
    this.#isStarting = false
    if (this.#isPaused || this.#isClosed) return
    for (const running of this.#running) if (!running.stop) this.#run(running)
  }

  #run(running: Running): void {
    const { document, sink } = running
    let after = (running.variables as { after?: string })?.after
    // graphql-ws makes JSON of the same object for each socket: a getter puts the newest cursor in.
    const variables = {
      ...running.variables,
      get after() {
        return after
      },
    }
    const request = {
      query: BY_HASH,
      ...payload(document, this.#options.persisted),
      variables,
    }
    let isOver = false
    const stop = this.#client.subscribe<Record<string, { cursor?: string } | null>>(
      request as unknown as Parameters<Client['subscribe']>[0],
      {
        next: ({ data, errors }) => {
          if (isOver) return
          if (errors?.length) return this.#failed(running, errors)
          const cursor = Object.values(data ?? {})[0]?.cursor
          if (cursor) {
            after = cursor
            running.variables = { ...running.variables, after }
          }
          sink.next(data)
        },
        error: problem => {
          if (!isOver) this.#failed(running, problem)
        },
        complete: () => {
          if (isOver) return
          running.stop = undefined
          void this.#later(waitBefore(1))
        },
      },
    )
    running.stop = () => {
      isOver = true
      stop()
    }
  }

  #failed(running: Running, problem: unknown): void {
    running.stop?.()
    running.stop = undefined
    if (Array.isArray(problem)) {
      const error = fromGraphQL(problem as GraphQLError[])
      // Only this operation failed; others on the same socket continue.
      if (error.code === 'UNAVAILABLE' || error.code === 'RATE_LIMITED') {
        return void this.#later(waitBefore(2, error))
      }
      this.#running.delete(running)
      return running.sink.error?.(error)
    }
    const { code, reason } = problem as CloseEvent
    if (code !== 4401) {
      // The server or something in between does not speak this protocol. A new version may.
      this.#options.onState({ at: 'cut', hasTooMany: false })
      return void this.#later(waitBefore(6))
    }
    const error = fromReason(reason)
    if (!isDeactivation(error)) {
      void this.#options.tokens.refuse(this.#token)
      if (!this.#hasTriedFresh) {
        this.#hasTriedFresh = true
        return void this.#later(0)
      }
    }
    this.#refused(error)
    void this.#later(waitBefore((this.#refusals += 1)))
  }

  #isWaiting = false

  async #later(milliseconds: number): Promise<void> {
    // All subscriptions of a socket end together.
    if (this.#isWaiting) return
    this.#isWaiting = true
    await this.#wait(milliseconds)
    this.#isWaiting = false
    void this.#start()
  }

  #stopAll(): void {
    for (const running of this.#running) {
      running.stop?.()
      running.stop = undefined
    }
  }
}

/**
 * The `ws` of Node.js ends the process for an error that nobody hears, such as that of a connection
 * which is given up before it is there.
 */
function withoutCrash(Implementation: typeof WebSocket): typeof WebSocket {
  return class extends Implementation {
    constructor(...address: ConstructorParameters<typeof WebSocket>) {
      super(...address)
      this.addEventListener('error', () => undefined)
    }
  }
}
