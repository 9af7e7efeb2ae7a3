// Subscriptions, over the socket of this tab or over that of the leading one.

import { tidingsError } from './errors.js'
import { Socket } from './socket.js'
import type { SocketOptions, SocketState } from './socket.js'
import type { Tabs } from './tabs.js'
import type { Sink, TypedDocument } from './types.js'

interface Followed {
  document: TypedDocument<unknown, unknown>
  variables: object
  sink: Sink<unknown>
  /** Ends it on the own socket. */
  stop?: () => void
}

export interface LiveOptions extends SocketOptions {
  tabs: Tabs
  /** Milliseconds after which a hidden page closes its socket. */
  hiddenFor: number
  onPaused(isPaused: boolean): void
}

export class Live {
  #options: LiveOptions
  #tabs: Tabs
  #socket: Socket | undefined
  /** What this tab follows. */
  #own = new Map<string, Followed>()
  /** What the leader follows for others: how to end it. */
  #forOthers = new Map<string, { tab: string; stop: () => void }>()
  #visible = new Set<string>()
  #watched = new Set<string>()
  #hiding: ReturnType<typeof setTimeout> | undefined
  #isPaused = false
  #number = 0
  #state: SocketState = { at: 'idle' }
  #end = new AbortController()

  constructor(options: LiveOptions) {
    this.#options = options
    this.#tabs = options.tabs
    this.#tabs.onMessage(message => this.#hear(message))
    this.#tabs.onLeading(() => this.#lead())
    const { signal } = this.#end
    const document = globalThis.document as Document | undefined
    document?.addEventListener('visibilitychange', () => this.#look(), { signal })
    globalThis.addEventListener?.('online', () => this.#socket?.hurry(), { signal })
    globalThis.addEventListener?.('offline', () => this.#socket?.cut(), { signal })
    this.#look()
  }

  subscribe<R, V>(document: TypedDocument<R, V>, variables: V, sink: Sink<R>): () => void {
    const id = `${this.#tabs.id} ${(this.#number += 1)}`
    const followed = { document, variables, sink } as unknown as Followed
    this.#own.set(id, followed)
    this.#follow(id, followed)
    return () => {
      if (!this.#own.delete(id)) return
      if (followed.stop) followed.stop()
      else this.#tabs.send({ type: 'unfollow', id })
    }
  }

  /** Does not wait for the time of the next attempt. */
  hurry(): void {
    this.#socket?.hurry()
  }

  close(): void {
    this.#end.abort()
    clearTimeout(this.#hiding)
    this.#socket?.close()
  }

  #lead(): void {
    this.#socket = new Socket({ ...this.#options, onState: state => this.#changed(state) })
    for (const [id, followed] of this.#own) this.#follow(id, followed)
    this.#look()
  }

  #follow(id: string, followed: Followed): void {
    const { document, variables, sink } = followed
    if (this.#socket) {
      followed.stop = this.#socket.subscribe(document, variables, sink)
      return
    }
    const { hash } = document
    this.#tabs.send({
      type: 'follow',
      tab: this.#tabs.id,
      id,
      hash,
      text: String(document),
      variables,
    })
  }

  #changed(state: SocketState): void {
    this.#state = state
    this.#options.onState(state)
    this.#tabs.send({ type: 'state', state })
  }

  #hear(message: Parameters<Parameters<Tabs['onMessage']>[0]>[0]): void {
    switch (message.type) {
      case 'leading':
        // The streams that the last leader followed for this tab have ended.
        for (const [id, followed] of this.#own) this.#follow(id, followed)
        this.#look()
        break
      case 'state':
        this.#options.onState(message.state as SocketState)
        break
      case 'next': {
        const followed = this.#own.get(message.id)
        if (!followed) break
        const [field] = Object.values(message.result ?? {}) as ({ cursor?: string } | null)[]
        // Another leader has to know where to continue.
        if (field?.cursor) followed.variables = { ...followed.variables, after: field.cursor }
        followed.sink.next(message.result)
        break
      }
      case 'error': {
        const { code, message: text } = message.error
        const followed = this.#own.get(message.id)
        this.#own.delete(message.id)
        followed?.sink.error?.(tidingsError(code, text))
        break
      }
      case 'visible':
        this.#saw(message.tab, message.isVisible)
        break
      case 'follow':
        if (this.#socket) this.#followFor(message)
        break
      case 'unfollow':
        this.#forOthers.get(message.id)?.stop()
        this.#forOthers.delete(message.id)
    }
  }

  #followFor(message: { tab: string; id: string; hash: string; text: string; variables: unknown }) {
    const { tab, id, hash, text, variables } = message
    if (!this.#socket || this.#forOthers.has(id)) return
    const document = { hash, toString: () => text }
    const stop = this.#socket.subscribe(document, variables, {
      next: result => this.#tabs.send({ type: 'next', id, result }),
      error: ({ code, message }) => {
        this.#forOthers.delete(id)
        this.#tabs.send({ type: 'error', id, error: { code, message } })
      },
    })
    this.#forOthers.set(id, { tab, stop })
    this.#tabs.send({ type: 'state', state: this.#state })
    if (this.#watched.has(tab)) return
    this.#watched.add(tab)
    this.#tabs.whenGone(tab, () => this.#forget(tab))
  }

  #forget(gone: string): void {
    this.#watched.delete(gone)
    for (const [id, { tab, stop }] of this.#forOthers) {
      if (tab !== gone) continue
      stop()
      this.#forOthers.delete(id)
    }
    this.#saw(gone, false)
  }

  /** Says whether this tab is visible. */
  #look(): void {
    const isVisible = globalThis.document?.visibilityState !== 'hidden'
    this.#tabs.send({ type: 'visible', tab: this.#tabs.id, isVisible })
    this.#saw(this.#tabs.id, isVisible)
  }

  /** The leader closes the socket if no tab has been visible for a while. */
  #saw(tab: string, isVisible: boolean): void {
    if (isVisible) this.#visible.add(tab)
    else this.#visible.delete(tab)
    clearTimeout(this.#hiding)
    if (this.#visible.size > 0) return this.#pause(false)
    this.#hiding = setTimeout(() => this.#pause(true), this.#options.hiddenFor)
  }

  #pause(isPaused: boolean): void {
    if (!isPaused) this.#socket?.hurry()
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#socket?.pause()
    else this.#socket?.resume()
    this.#options.onPaused(isPaused)
  }
}
