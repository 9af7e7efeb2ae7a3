// Sends the draft. It belongs to the page, not to the form: a draft that is on its way goes on when
// the form is closed, and after a reload.

import type { Tidings, TidingsError } from '@tidings/client'
import { SendDocument } from '../generated/documents'
import { newKey } from '../lib/key'
import { isRetryable, waitBefore } from '../lib/query'
import { emptyDraft, inputOf, keepDraft, readDraft, type Draft } from './draft'

export interface OutboxState {
  draft: Draft
  /** The last attempt had no answer; the next one follows by itself. */
  isWaiting: boolean
  /** Why the server does not take it. */
  error?: TidingsError
}

export interface SentMessage {
  id: string
  sendAt: string | null
}

export class Outbox {
  readonly #tidings: Tidings
  readonly #name: string
  readonly #isHost: boolean
  #state: OutboxState
  #listeners = new Set<() => void>()
  #sentListeners = new Set<(message: SentMessage) => void>()
  #attempt: AbortController | undefined

  constructor(tidings: Tidings, person: string, isHost: boolean) {
    this.#tidings = tidings
    this.#name = `draft:${person}`
    this.#isHost = isHost
    this.#state = { draft: readDraft(this.#name), isWaiting: false }
  }

  readonly get = () => this.#state
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  onSent(listener: (message: SentMessage) => void) {
    this.#sentListeners.add(listener)
    return () => void this.#sentListeners.delete(listener)
  }

  /** Continues what a reload interrupted. The result ends it. */
  start() {
    if (this.#state.draft.isSending) void this.#run()
    return () => this.#attempt?.abort()
  }

  change(change: Partial<Draft>) {
    this.#set({ draft: { ...this.#state.draft, ...change }, isWaiting: false })
  }

  /** Replaces the draft, such as by the one that was just discarded. */
  restore(draft: Draft) {
    this.#set({ draft, isWaiting: false })
  }

  discard() {
    this.restore(emptyDraft())
  }

  /** Begins a message that the server has not seen, with the same content. */
  renew() {
    this.change({ idempotencyKey: newKey(), isSending: false })
  }

  send() {
    this.change({ isSending: true })
    return this.#run()
  }

  /** Stops trying. The server may have it already; the key sees to it that it has it once. */
  stop() {
    this.#attempt?.abort()
    this.change({ isSending: false })
  }

  async #run() {
    this.#attempt?.abort()
    const attempt = (this.#attempt = new AbortController())
    const { signal } = attempt
    const { draft } = this.#state
    for (let count = 1; !signal.aborted; count++) {
      try {
        const input = inputOf(draft, this.#isHost)
        const { createMessage } = await this.#tidings.request(SendDocument, { input }, { signal })
        if (signal.aborted || !createMessage) return
        this.discard()
        for (const listener of [...this.#sentListeners]) listener(createMessage.message)
        return
      } catch (failure) {
        if (signal.aborted) return
        const error = failure as TidingsError
        if (!isRetryable(error)) {
          this.#set({ draft: { ...draft, isSending: false }, isWaiting: false, error })
          return
        }
        this.#set({ draft, isWaiting: true })
        await this.#pause(waitBefore(count, error), signal)
      }
    }
  }

  /** Waits, but not longer than the connection is away. */
  #pause(milliseconds: number, signal: AbortSignal) {
    return new Promise<void>(resolve => {
      const { connection } = this.#tidings
      let wasLive = connection.get().state === 'live'
      const done = () => {
        clearTimeout(timer)
        stop()
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      const stop = connection.subscribe(() => {
        const isLive = connection.get().state === 'live'
        if (isLive && !wasLive) done()
        wasLive = isLive
      })
      signal.addEventListener('abort', done, { once: true })
    })
  }

  #set(state: OutboxState) {
    this.#state = state
    keepDraft(this.#name, state.draft)
    for (const listener of [...this.#listeners]) listener()
  }
}
