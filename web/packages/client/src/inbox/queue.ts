// Marks on their way to the server: one after the other, in the order in which they were made.
//
// All tabs know all marks, and show them. The leading tab sends them, once its inbox has caught up
// with the server, and tells the others what became of them.

import { isNotAdmitted, isTemporary, isTidingsError, tidingsError, waitBefore } from '../errors.js'
import * as documents from '../generated/documents.js'
import { hasReached } from '../order.js'
import type { InboxThread, Refusal, TidingsError, TypedDocument } from '../types.js'
import { filterOf } from './list.js'
import { objection } from './marks.js'
import type { Pending } from './marks.js'
import type { State } from './state.js'

/** The most items that a request may name. */
export const MOST_ITEMS = 500
/** The most objects that can be asked for by their ids. */
export const MOST_NODES = 100

/** What became of a mark: its change, for an undo; or that it was taken back before it was sent. */
export type Outcome = { undo: string | null } | 'cancelled'

/** What tabs tell each other about marks. */
export type QueueMessage =
  | { what: 'mark'; mark: Pending }
  | { what: 'cancel'; id: string }
  | { what: 'cancelled'; id: string }
  | { what: 'made'; mark: Pending; undo: string | null; thread?: InboxThread }
  | { what: 'refused'; id: string; refusal: Refusal; rest?: Pending }

export interface QueueHost {
  readonly state: State
  readonly isLeader: boolean
  /** Whether the inbox has caught up. */
  readonly isCaughtUp: boolean
  request<R, V>(document: TypedDocument<R, V>, variables: V): Promise<R>
  tell(message: QueueMessage): void
  keep(marks: { put?: Pending; remove?: string }): void
  /** What is shown has changed. */
  changed(): void
  settled(id: string, outcome: Outcome | TidingsError): void
  refused(refusal: Refusal): void
}

interface Payload {
  cursor?: string | null
  thread?: InboxThread
  inbox: { cursor: string }
}

export class Queue {
  #host: QueueHost
  #sending: string | undefined
  /** Marks that were sent, but of which nobody knows whether they arrived. */
  #attempted = new Set<string>()
  /** What the leader has said of marks that this tab may not have read from its storage yet. */
  #over = new Set<string>()
  #isRunning = false
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(host: QueueHost) {
    this.#host = host
  }

  /** How many marks the server does not have. */
  get length(): number {
    return this.#host.state.marks.filter(mark => !mark.reach).length
  }

  get isSending(): boolean {
    return this.#sending !== undefined
  }

  /** Adds marks that were kept from the last visit. */
  restore(marks: readonly Pending[]): void {
    const known = new Set(this.#host.state.marks.map(({ id }) => id))
    this.#set(marks.filter(({ id }) => !known.has(id) && !this.#over.has(id)))
  }

  add(mark: Pending): void {
    this.#host.keep({ put: mark })
    this.#host.tell({ what: 'mark', mark })
    this.#set([mark])
    void this.run()
  }

  /** Takes back a mark that has not been sent. */
  cancel(id: string): void {
    if (!this.#host.isLeader) this.#host.tell({ what: 'cancel', id })
    else if (this.#sending !== id && this.#find(id)) this.#cancelled(id, true)
  }

  hear(message: QueueMessage): void {
    switch (message.what) {
      case 'mark':
        this.#set([message.mark])
        void this.run()
        break
      case 'cancel':
        if (this.#host.isLeader) this.cancel(message.id)
        break
      case 'cancelled':
        this.#cancelled(message.id, false)
        break
      case 'made':
        this.#made(message.mark, message.undo, message.thread)
        break
      case 'refused':
        this.#refused(message.id, heard(message.refusal), message.rest, false)
    }
  }

  /** Sends what waits, if this tab may. */
  async run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    clearTimeout(this.#timer)
    while (this.#host.isLeader && this.#host.isCaughtUp) {
      const mark = this.#host.state.marks.find(({ reach }) => !reach)
      if (!mark || !(await this.#send(mark))) break
    }
    this.#isRunning = false
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  /** Drops the marks that are shown by what the server has told. */
  reached(): void {
    const { state, isLeader, keep } = this.#host
    const isOpen = ({ reach }: Pending) => !reach || !hasReached(state.cursor, reach)
    const over = state.marks.filter(mark => !isOpen(mark))
    if (over.length === 0) return
    state.setMarks(state.marks.filter(isOpen))
    if (isLeader) for (const { id } of over) keep({ remove: id })
  }

  /**
   * After a time without connection: takes out of the marks that wait what was changed elsewhere
   * meanwhile, or is gone, and says so.
   */
  reconcile(): void {
    const { state, isLeader } = this.#host
    if (!isLeader) return
    /** Whether marks made them what they are is not known. */
    const unclear = new Set<string>()
    for (const mark of state.marks) {
      // What an undo may take back, and what a thread is, the server decides.
      if (mark.reach || mark.id === this.#sending || mark.undo || mark.rootId) continue
      if (this.#attempted.has(mark.id)) {
        for (const id of mark.itemIds) unclear.add(id)
        continue
      }
      const objections = new Map<string, 'gone' | 'changed-elsewhere'>()
      for (const id of mark.itemIds) {
        const basis = mark.basis[id]
        const reason = basis && !unclear.has(id) && objection(mark, basis, state.items.get(id))
        if (reason) objections.set(id, reason)
      }
      const isLost = mark.bulk !== undefined && !isSameEpoch(mark.bulk.upTo, state.cursor)
      if (objections.size > 0 || isLost) this.#reduce(mark, objections, isLost)
    }
  }

  /** Goes on with the other items of a mark; one for a whole list then names its items. */
  #reduce(
    mark: Pending,
    objections: ReadonlyMap<string, 'gone' | 'changed-elsewhere'>,
    isLost: boolean,
  ): void {
    const itemIds = mark.itemIds.filter(id => !objections.has(id))
    const rest =
      itemIds.length > 0 ? { ...mark, bulk: undefined, unknown: undefined, itemIds } : undefined
    for (const reason of ['gone', 'changed-elsewhere'] as const) {
      const ids = [...objections.keys()].filter(id => objections.get(id) === reason)
      const error = tidingsError('CONFLICT', MESSAGES[reason])
      if (ids.length > 0)
        this.#refused(mark.id, { mark: mark.kind, itemIds: ids, reason, error }, rest)
    }
    if (isLost && (mark.unknown || itemIds.length === 0)) {
      const error = tidingsError('CONFLICT', MESSAGES.gone)
      const refusal: Refusal = { mark: mark.kind, itemIds: [], reason: 'gone', error }
      this.#refused(mark.id, refusal, rest)
    } else if (rest) {
      this.#replace(rest)
    }
  }

  /** Gives whether the next one may be sent. */
  async #send(mark: Pending): Promise<boolean> {
    const { request } = this.#host
    this.#sending = mark.id
    try {
      const { document, input } = requestOf(mark)
      const data = await request(document, { input })
      this.#attempt = 0
      // The items come with the counts of the same moment, by what the inbox follows.
      const { cursor = null, thread, inbox } = (data as { mark: Payload }).mark
      const made = { ...mark, reach: inbox.cursor }
      this.#host.tell({ what: 'made', mark: made, undo: cursor, thread })
      // Until the inbox shows it by itself; the next visit may begin before that.
      this.#host.keep({ put: made })
      this.#made(made, cursor, thread)
      return true
    } catch (error) {
      return await this.#failed(mark, error)
    } finally {
      this.#sending = undefined
    }
  }

  async #failed(mark: Pending, error: unknown): Promise<boolean> {
    if (!isTidingsError(error)) throw error
    if (isTemporary(error) || isNotAdmitted(error)) {
      if (error.code === 'NETWORK') this.#attempted.add(mark.id)
      this.#timer = setTimeout(() => void this.run(), waitBefore((this.#attempt += 1), error))
      return false
    }
    if (error.code === 'NOT_FOUND' && mark.itemIds.length > 0) return this.#withoutGone(mark, error)
    const refusal: Refusal = { mark: mark.kind, itemIds: mark.itemIds, reason: 'refused', error }
    this.#refused(mark.id, refusal)
    return true
  }

  /** The server refuses all if one is gone. */
  async #withoutGone(mark: Pending, error: TidingsError): Promise<boolean> {
    const there = new Set<string>()
    try {
      for (let n = 0; n < mark.itemIds.length && mark.itemIds.length > 1; n += MOST_NODES) {
        const ids = mark.itemIds.slice(n, n + MOST_NODES)
        const { nodes } = await this.#host.request(documents.InboxItemsDocument, { ids })
        for (const node of nodes ?? []) if (node && 'id' in node) there.add(node.id)
      }
    } catch (problem) {
      return this.#failed({ ...mark, itemIds: [] }, problem)
    }
    const gone = mark.itemIds.filter(id => !there.has(id))
    const itemIds = mark.itemIds.filter(id => there.has(id))
    const rest = gone.length > 0 && itemIds.length > 0 ? { ...mark, itemIds } : undefined
    const refusal: Refusal = {
      mark: mark.kind,
      itemIds: rest ? gone : mark.itemIds,
      reason: 'gone',
      error,
    }
    this.#refused(mark.id, refusal, rest)
    return true
  }

  #made(mark: Pending, undo: string | null, thread?: InboxThread): void {
    const { state } = this.#host
    this.#over.add(mark.id)
    this.#attempted.delete(mark.id)
    if (thread) state.mergeThread(thread)
    this.#replaceLocally(mark.id, mark)
    this.reached()
    this.#host.changed()
    this.#host.settled(mark.id, { undo })
  }

  #refused(id: string, refusal: Refusal, rest?: Pending, isOwn = true): void {
    if (isOwn) {
      this.#host.tell({ what: 'refused', id, refusal: plain(refusal), rest })
      this.#host.keep(rest ? { put: rest } : { remove: id })
    }
    if (!rest) {
      this.#over.add(id)
      this.#host.settled(id, refusal.error)
    }
    this.#replaceLocally(id, rest)
    this.#host.refused(refusal)
  }

  #cancelled(id: string, isOwn: boolean): void {
    if (isOwn) {
      this.#host.tell({ what: 'cancelled', id })
      this.#host.keep({ remove: id })
    }
    this.#over.add(id)
    this.#replaceLocally(id)
    this.#host.settled(id, 'cancelled')
  }

  #replace(mark: Pending): void {
    this.#host.keep({ put: mark })
    this.#host.tell({ what: 'mark', mark })
    this.#set([mark])
  }

  #replaceLocally(id: string, mark?: Pending): void {
    const { state } = this.#host
    state.setMarks(state.marks.flatMap(one => (one.id === id ? (mark ?? []) : one)))
    this.#host.changed()
  }

  #set(marks: readonly Pending[]): void {
    if (marks.length === 0) return
    const { state } = this.#host
    const ids = new Set(marks.map(({ id }) => id))
    const others = state.marks.filter(({ id }) => !ids.has(id))
    const all = [...others, ...marks.filter(({ id }) => !this.#over.has(id))]
    state.setMarks(all.sort((one, other) => (one.id < other.id ? -1 : 1)))
    this.#host.changed()
  }

  #find(id: string): Pending | undefined {
    return this.#host.state.marks.find(mark => mark.id === id && !mark.reach)
  }
}

const MESSAGES = {
  gone: 'it is no longer in the inbox',
  'changed-elsewhere': 'it was changed elsewhere meanwhile',
}

/** Errors cannot be sent to other tabs as they are. */
function plain(refusal: Refusal): Refusal {
  const { name, message, code, field, requestId } = refusal.error
  return { ...refusal, error: { name, message, code, field, requestId } }
}

function heard(refusal: Refusal): Refusal {
  const { code, message, field, requestId } = refusal.error
  return { ...refusal, error: tidingsError(code, message, { field, requestId }) }
}

function isSameEpoch(one: string, other: string | undefined): boolean {
  return one.split(':')[0] === other?.split(':')[0]
}

type Mutation = TypedDocument<unknown, { input: never }>

const OF_ITEMS: Partial<Record<Pending['kind'], Mutation>> = {
  read: documents.MarkReadDocument as Mutation,
  unread: documents.MarkUnreadDocument as Mutation,
  seen: documents.MarkSeenDocument as Mutation,
  archive: documents.ArchiveDocument as Mutation,
  unarchive: documents.UnarchiveDocument as Mutation,
  snooze: documents.SnoozeDocument as Mutation,
  unsnooze: documents.UnsnoozeDocument as Mutation,
  mute: documents.MuteThreadDocument as Mutation,
  unmute: documents.UnmuteThreadDocument as Mutation,
  undo: documents.UndoDocument as Mutation,
}

const OF_LISTS: Partial<Record<Pending['kind'], Mutation>> = {
  read: documents.MarkAllReadDocument as Mutation,
  seen: documents.MarkAllSeenDocument as Mutation,
  archive: documents.ArchiveAllDocument as Mutation,
}

/** The request that makes a mark. */
function requestOf(mark: Pending): { document: Mutation; input: never } {
  const { kind, itemIds, until, bulk, rootId, undo } = mark
  const document = (bulk ? OF_LISTS : OF_ITEMS)[kind] as Mutation
  const input =
    (bulk && { ...bulk, filter: filterOf(bulk.filter) }) ??
    (rootId ? { rootId } : undo ? { cursor: undo.cursor } : { itemIds, ...(until && { until }) })
  return { document, input: input as never }
}
