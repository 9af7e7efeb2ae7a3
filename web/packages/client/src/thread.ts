// A thread of messages: loaded and followed while somebody looks at it, and kept for the time
// without a network.

import { Cell } from './cell.js'
import { isTemporary, isTidingsError, tidingsError, waitBefore } from './errors.js'
import * as documents from './generated/documents.js'
import type { KeptThread } from './inbox/keeper.js'
import { byId } from './order.js'
import type {
  Message,
  ReplyInput,
  Sink,
  ThreadState,
  ThreadStore,
  TidingsError,
  TypedDocument,
} from './types.js'

export interface ThreadEnvironment {
  request<R, V>(document: TypedDocument<R, V>, variables: V): Promise<R>
  subscribe<R, V>(document: TypedDocument<R, V>, variables: V, sink: Sink<R>): () => void
  kept(rootId: string): KeptThread | undefined
  keep(thread: KeptThread): void
}

/** Milliseconds for which a thread is followed after the last one has looked away. */
const LINGER = 5_000

export class Thread implements ThreadStore {
  readonly #id: string
  readonly #environment: ThreadEnvironment
  readonly #cell = new Cell<ThreadState>({ messages: [], loading: false })
  readonly #messages = new Map<string, Message>()
  #rootId: string | undefined
  #stop: (() => void) | undefined
  #lingering: ReturnType<typeof setTimeout> | undefined
  #isLoading = false
  #error: TidingsError | undefined
  /** What was told or sent while a request was on its way, which may answer what was before. */
  #touched = new Set<string>()

  constructor(id: string, environment: ThreadEnvironment) {
    this.#id = id
    this.#environment = environment
    this.#cell.onUse = isUsed => (isUsed ? this.#begin() : this.#linger())
  }

  get = (): ThreadState => this.#cell.get()

  subscribe = (listener: () => void): (() => void) => this.#cell.subscribe(listener)

  retry = (): void => {
    this.#stop?.()
    this.#stop = undefined
    if (this.#cell.isUsed) this.#begin()
  }

  reply = async ({ body, parentId, scope, idempotencyKey }: ReplyInput): Promise<Message> => {
    // A repetition after a cut must not become a second reply.
    const key = idempotencyKey ?? randomKey()
    const input = {
      body,
      parentId: parentId ?? this.#rootId ?? this.#id,
      scope,
      idempotencyKey: key,
    }
    const { replyToMessage } = await this.#environment.request(documents.ReplyDocument, { input })
    const message = replyToMessage?.message as Message
    this.#messages.set(message.id, message)
    this.#touched.add(message.id)
    this.#show()
    return message
  }

  close(): void {
    clearTimeout(this.#lingering)
    this.#stop?.()
    this.#stop = undefined
  }

  #begin(): void {
    clearTimeout(this.#lingering)
    if (this.#stop) return
    this.#restore()
    this.#isLoading = true
    this.#error = undefined
    this.#show()
    // The first update says where the history is now; what is loaded after that is not older.
    let isFirst = true
    const stop = this.#environment.subscribe(
      documents.ThreadUpdatesDocument,
      { rootId: this.#id },
      {
        next: ({ threadUpdated: { messages, resync } }) => {
          for (const message of messages as readonly Message[]) {
            const known = this.#messages.get(message.id)
            this.#messages.set(message.id, { sentTo: known?.sentTo, ...message })
            this.#touched.add(message.id)
          }
          if (isFirst || resync) void this.#load(stop)
          else this.#show()
          isFirst = false
        },
        error: error => {
          if (this.#stop !== stop) return
          this.#stop = undefined
          this.#isLoading = false
          this.#error = error
          this.#show()
        },
      },
    )
    this.#stop = stop
    // Without a socket, at least once.
    if (this.#messages.size === 0) void this.#load(stop)
  }

  #linger(): void {
    clearTimeout(this.#lingering)
    this.#lingering = setTimeout(() => this.close(), LINGER)
  }

  #restore(): void {
    const kept = this.#environment.kept(this.#id)
    if (!kept || this.#messages.size > 0) return
    this.#rootId = kept.root.id
    for (const message of [kept.root, ...kept.messages]) this.#messages.set(message.id, message)
  }

  async #load(stop: () => void): Promise<void> {
    const isCurrent = () => this.#stop === stop || this.#stop === undefined
    for (let attempts = 1; isCurrent(); attempts += 1) {
      this.#touched.clear()
      try {
        const messages = await this.#request()
        if (!isCurrent()) return
        const ids = new Set(messages.map(({ id }) => id))
        for (const id of this.#messages.keys()) {
          if (!ids.has(id) && !this.#touched.has(id)) this.#messages.delete(id)
        }
        for (const message of messages) {
          if (!this.#touched.has(message.id)) this.#messages.set(message.id, message)
        }
        this.#isLoading = false
        this.#error = undefined
        this.#show()
        this.#keep()
        return
      } catch (error) {
        if (!isTidingsError(error)) throw error
        this.#error = error
        this.#isLoading = isTemporary(error) && this.#messages.size > 0
        this.#show()
        if (!isTemporary(error)) return
        await new Promise(resolve => setTimeout(resolve, waitBefore(attempts, error)))
      }
    }
  }

  /** The whole thread, as it is now. */
  async #request(): Promise<Message[]> {
    const all: Message[] = []
    for (let after: string | null | undefined; ;) {
      const variables = { id: this.#id, after }
      const { message } = await this.#environment.request(documents.ThreadDocument, variables)
      if (!message) throw tidingsError('NOT_FOUND', 'there is no such message')
      const { thread, ...root } = message.root
      this.#rootId = root.id
      if (!after) all.push(root as Message)
      all.push(...((thread?.nodes ?? []) as readonly Message[]))
      if (!thread?.pageInfo.hasNextPage) return all
      after = thread.pageInfo.endCursor
    }
  }

  #keep(): void {
    const { root, messages } = this.#cell.get()
    if (root) this.#environment.keep({ rootId: this.#id, root, messages, keptAt: Date.now() })
  }

  #show(): void {
    const root = this.#rootId ? this.#messages.get(this.#rootId) : undefined
    this.#cell.set({
      root,
      messages: this.#rootId ? inOrder(this.#rootId, this.#messages.values()) : [],
      loading: this.#isLoading,
      error: this.#error,
    })
  }
}

/** Each message before its own replies; replies to the same one in the order of their arrival. */
function inOrder(rootId: string, messages: Iterable<Message>): Message[] {
  const all = [...messages].filter(({ id }) => id !== rootId).sort(byId)
  const known = new Set(all.map(({ id }) => id))
  const replies = new Map<string, Message[]>()
  for (const message of all) {
    // Somebody may see a reply, but not what it replies to.
    const parent = message.parent && known.has(message.parent.id) ? message.parent.id : rootId
    replies.set(parent, [...(replies.get(parent) ?? []), message])
  }
  const below = (id: string): Message[] =>
    (replies.get(id) ?? []).flatMap(message => [message, ...below(message.id)])
  return below(rootId)
}

function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)).join('-')
}
