// The inbox of the person who is signed in: what is shown of it, and what is done with it.

import { Cell, Events } from '../cell.js'
import { isTemporary } from '../errors.js'
import type {
  InboxCounts,
  InboxEvents,
  InboxItem,
  InboxOwner,
  InboxStore,
  ListFilter,
  Readable,
  Sink,
  StoredInbox,
  TypedDocument,
} from '../types.js'
import { Keeper } from './keeper.js'
import type { Head } from './keeper.js'
import { List, normalized } from './list.js'
import { Marking } from './marking.js'
import { Queue } from './queue.js'
import type { QueueMessage } from './queue.js'
import { State } from './state.js'
import type { Change } from './state.js'
import { Sync } from './sync.js'

/** Lists of searches and senders that are not shown any more, which are still remembered. */
const MOST_SEARCHES = 20
/** Milliseconds between two runs of the same search, which may look at many texts. */
const SEARCH_AGAIN = 2_000

export interface InboxEnvironment {
  readonly isLeader: boolean
  request<R, V>(document: TypedDocument<R, V>, variables: V): Promise<R>
  subscribe<R, V>(document: TypedDocument<R, V>, variables: V, sink: Sink<R>): () => void
  tell(message: QueueMessage): void
  /** It has caught up with the server, and hears of what happens. */
  caughtUp(): void
  /** It asks for changes in turn; or not any more. */
  polling(isPolling: boolean): void
  pending(count: number): void
}

export class Inbox implements InboxStore {
  readonly counts: Readable<InboxCounts | undefined>
  readonly owner: Readable<InboxOwner | undefined>
  readonly keeper: Keeper
  readonly #environment: InboxEnvironment
  readonly #state = new State()
  readonly #queue: Queue
  readonly #sync: Sync
  readonly #marking: Marking
  readonly #counts = new Cell<InboxCounts | undefined>(undefined)
  readonly #owner = new Cell<InboxOwner | undefined>(undefined)
  readonly #events = new Events<InboxEvents>()
  readonly #lists = new Map<string, List>()
  readonly #items = new Map<string, Cell<InboxItem | null | undefined>>()
  readonly #searching = new Map<List, ReturnType<typeof setTimeout>>()
  #missing = new Set<string>()
  #isCaughtUp = false
  /** Whether marks may have waited while others changed the inbox. */
  #wasCut = true
  #version = 0

  constructor(environment: InboxEnvironment) {
    this.#environment = environment
    this.counts = this.#counts
    this.owner = this.#owner
    this.keeper = new Keeper(this.#state, () => this.#head())
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- for the getters
    const inbox = this
    this.#queue = new Queue({
      state: this.#state,
      get isLeader() {
        return environment.isLeader
      },
      get isCaughtUp() {
        return inbox.#isCaughtUp
      },
      request: environment.request,
      tell: message => environment.tell(message),
      keep: marks => this.keeper.keepMark(marks),
      changed: () => this.#show(),
      settled: (id, outcome) => this.#marking.settled(id, outcome),
      refused: refusal => this.#events.emit('refused', refusal),
    })
    this.#marking = new Marking({
      state: this.#state,
      queue: this.#queue,
      list: filter => this.list(filter),
      items: () => this.#shownItems(),
    })
    this.#sync = new Sync({
      state: this.#state,
      request: environment.request,
      subscribe: environment.subscribe,
      lists: () => this.#lists.values(),
      wanted: () => this.#wanted(),
      loaded: (owner, reason) => this.#loaded(owner, reason),
      applied: (...update) => this.#applied(...update),
      polling: isPolling => {
        if (!isPolling && this.#sync.isPolling) this.cut()
        environment.polling(isPolling)
      },
    })
  }

  // -------------------------------------------------------------------------------------------
  // What is shown

  list(filter?: ListFilter): List {
    const wanted = normalized(filter)
    const key = JSON.stringify(wanted)
    const known = this.#lists.get(key)
    if (known) return known
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- for the getters
    const inbox = this
    const list = new List(
      {
        items: () => inbox.#shownItems(),
        item: id => this.#state.item(id),
        get isFresh() {
          return inbox.#isCaughtUp
        },
        get version() {
          return inbox.#version
        },
        load: (list, isMore) => this.#sync.load(list, isMore).then(() => this.#show()),
        used: list => {
          if (!list.loaded && !list.isLoading)
            void this.#sync.load(list, false).then(() => this.#show())
        },
      },
      wanted,
    )
    if (isSought(wanted)) this.#forgetSearches()
    this.#lists.set(key, list)
    return list
  }

  item(id: string): Readable<InboxItem | null | undefined> {
    const known = this.#items.get(id)
    if (known) return known
    const cell = new Cell<InboxItem | null | undefined>(this.#state.item(id))
    cell.onUse = isUsed => {
      if (isUsed) void this.#fetch(id)
    }
    this.#items.set(id, cell)
    return cell
  }

  isPending(itemId: string): boolean {
    return this.#state.marksOf(itemId).some(({ reach }) => !reach)
  }

  on<Event extends keyof InboxEvents>(
    event: Event,
    listener: (details: InboxEvents[Event]) => void,
  ): () => void {
    return this.#events.on(event, listener)
  }

  // -------------------------------------------------------------------------------------------
  // Marks

  markRead: InboxStore['markRead'] = ids => this.#marking.mark('read', ids)
  markUnread: InboxStore['markUnread'] = ids => this.#marking.mark('unread', ids)
  markSeen: InboxStore['markSeen'] = ids => this.#marking.mark('seen', ids)
  archive: InboxStore['archive'] = ids => this.#marking.mark('archive', ids)
  unarchive: InboxStore['unarchive'] = ids => this.#marking.mark('unarchive', ids)
  unsnooze: InboxStore['unsnooze'] = ids => this.#marking.mark('unsnooze', ids)
  snooze: InboxStore['snooze'] = (ids, until) =>
    this.#marking.mark('snooze', ids, new Date(until).toISOString())

  markAllRead: InboxStore['markAllRead'] = filter => this.#marking.markAll('read', filter)
  markAllSeen: InboxStore['markAllSeen'] = filter => this.#marking.markAll('seen', filter)
  archiveAll: InboxStore['archiveAll'] = filter => this.#marking.markAll('archive', filter)
  markThreadRead: InboxStore['markThreadRead'] = thread =>
    this.#marking.markAll('read', { view: 'ALL', thread })

  muteThread: InboxStore['muteThread'] = rootId => this.#marking.ofThread('mute', rootId)
  unmuteThread: InboxStore['unmuteThread'] = rootId => this.#marking.ofThread('unmute', rootId)

  undoLast: InboxStore['undoLast'] = () => this.#marking.undoLast()

  // -------------------------------------------------------------------------------------------
  // Coming and going

  async start(stored: StoredInbox | undefined): Promise<void> {
    const restored = await this.keeper.open(stored)
    if (restored?.head) {
      const { cursor, counts, owner, lists } = restored.head
      this.#state.apply(
        restored.items.map(item => ({ type: 'UPDATED', itemId: item.id, item, thread: null })),
      )
      this.#state.cursor = cursor
      this.#state.counts = counts
      this.#owner.set(owner)
      for (const [key, loaded] of lists) {
        if (loaded.ends.length > 0 || loaded.isComplete)
          this.list(JSON.parse(key)).loaded ??= loaded
      }
    }
    this.#queue.restore(restored?.marks ?? [])
    this.#show()
    await this.#sync.start()
  }

  /** This tab leads from now on. */
  leads(): void {
    this.keeper.leads()
    if (this.#isCaughtUp) this.#queue.reconcile()
    void this.#queue.run()
  }

  refreshOwner(): void {
    void this.#sync.askOwner()
  }

  hear(message: QueueMessage): void {
    this.#queue.hear(message)
  }

  /** There is no connection; marks wait from now on. */
  cut(): void {
    this.#isCaughtUp = false
    this.#wasCut = true
    this.#show()
  }

  hurry(): void {
    this.#sync.hurry()
  }

  poll(): void {
    if (!this.#sync.isPolling) void this.#sync.poll()
  }

  get isPolling(): boolean {
    return this.#sync.isPolling
  }

  stopPolling(): void {
    this.#sync.stopPolling()
  }

  reconnected(offlineMilliseconds: number): void {
    this.#events.emit('reconnected', { offlineMilliseconds })
    void this.#queue.run()
  }

  close(): void {
    this.#sync.close()
    this.#queue.close()
    for (const timer of this.#searching.values()) clearTimeout(timer)
    for (const list of this.#lists.values()) list.close()
  }

  #loaded(owner: InboxOwner, reason?: string): void {
    const isSame = JSON.stringify(owner) === JSON.stringify(this.#owner.get())
    if (!isSame) this.#owner.set(owner)
    if (reason !== undefined) {
      this.#queue.reached()
      this.#queue.reconcile()
    }
    this.#show()
    for (const list of this.#lists.values()) {
      if (list.isUsed && !list.loaded && !list.isLoading)
        void this.#sync.load(list, false).then(() => this.#show())
    }
    if (reason !== undefined) this.#events.emit('resync', { reason })
  }

  #applied(changes: readonly Change[], isCaughtUp: boolean, isLive: boolean): void {
    this.keeper.changed()
    this.#queue.reached()
    if (isCaughtUp) {
      if (this.#wasCut) {
        this.#queue.reconcile()
        for (const list of this.#lists.values()) {
          if (list.isUsed && isTemporary(list.error)) list.retry()
        }
      }
      this.#wasCut = false
      this.#isCaughtUp = true
    }
    for (const { itemId } of changes) this.#missing.delete(itemId)
    for (const { type, itemId } of changes) {
      if (type === 'REMOVED' && this.#items.has(itemId)) this.#missing.add(itemId)
    }
    this.#searchAgain(changes)
    this.#show()
    this.#tellOf(changes)
    if (!isCaughtUp) return
    if (isLive) this.#environment.caughtUp()
    void this.#queue.run()
  }

  #tellOf(changes: readonly Change[]): void {
    const of = (wanted: Change['type']) =>
      changes
        .filter(({ type }) => type === wanted)
        .flatMap(({ itemId }) => this.#state.item(itemId) ?? [])
    const [arrived, reminded] = [of('ARRIVED'), of('REMINDED')]
    const removed = changes.filter(({ type }) => type === 'REMOVED').map(({ itemId }) => itemId)
    if (arrived.length > 0) this.#events.emit('arrived', { items: arrived })
    if (reminded.length > 0) this.#events.emit('reminded', { items: reminded })
    if (removed.length > 0) this.#events.emit('removed', { itemIds: removed })
  }

  // -------------------------------------------------------------------------------------------

  *#shownItems(): Iterable<InboxItem> {
    for (const id of this.#state.items.keys()) {
      const item = this.#state.item(id)
      if (item) yield item
    }
  }

  /** Shows what has changed to whoever looks. */
  #show(): void {
    this.#version += 1
    this.#counts.set(this.#state.shownCounts())
    for (const list of this.#lists.values()) {
      if (!list.isUsed) continue
      list.show()
      // What was loaded has been archived, or the like: there is room for more.
      if (list.isShort && this.#isCaughtUp) void list.loadMore()
    }
    for (const [id, cell] of this.#items) {
      const item = this.#state.item(id)
      if (item || cell.get() !== undefined || this.#missing.has(id)) {
        cell.set(item ?? (this.#missing.has(id) || cell.get() ? null : undefined))
      }
    }
    this.#environment.pending(this.#queue.length)
    this.keeper.changed()
  }

  async #fetch(id: string): Promise<void> {
    if (this.#state.item(id)) return
    const missing = await this.#sync.fetch([id])
    for (const one of missing) this.#missing.add(one)
    this.#show()
  }

  #wanted(): Set<string> {
    const marked = this.#state.marks.filter(({ reach }) => !reach).flatMap(({ itemIds }) => itemIds)
    const shown = [...this.#items].filter(([, cell]) => cell.isUsed).map(([id]) => id)
    return new Set([...marked, ...shown])
  }

  /** Runs searches again that a change may concern: which items have the words only the server knows. */
  #searchAgain(changes: readonly Change[]): void {
    if (changes.length === 0) return
    for (const list of this.#lists.values()) {
      const found = list.loaded?.found
      if (!found) continue
      const isKnown = ({ type, itemId }: Change) => type === 'REMOVED' || found.includes(itemId)
      if (changes.every(change => isKnown(change) && change.type !== 'ARRIVED')) continue
      if (!list.isUsed) list.loaded = undefined
      else if (!this.#searching.has(list)) {
        this.#searching.set(
          list,
          setTimeout(() => this.#search(list), SEARCH_AGAIN),
        )
      }
    }
  }

  async #search(list: List): Promise<void> {
    await this.#sync.search(list)
    this.#searching.delete(list)
    this.#show()
  }

  #forgetSearches(): void {
    const unused = [...this.#lists].filter(([, list]) => isSought(list.filter) && !list.isUsed)
    for (const [key] of unused.slice(0, -MOST_SEARCHES)) this.#lists.delete(key)
  }

  #head(): Head | undefined {
    const { cursor, counts } = this.#state
    const owner = this.#owner.get()
    if (cursor === undefined || !counts || !owner) return undefined
    const lists = [...this.#lists].flatMap(([key, { loaded, filter }]) =>
      loaded && !filter.search ? [[key, loaded] as const] : [],
    )
    return { cursor, counts, owner, lists }
  }
}

/** Whether there may be any number of such lists. */
const isSought = ({ search, sender, updatedFrom, updatedBefore }: ListFilter) =>
  search || sender || updatedFrom || updatedBefore
