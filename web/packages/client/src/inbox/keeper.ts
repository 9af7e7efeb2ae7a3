// Keeps the inbox of this person between visits: what the server has told, with its cursor, how far
// the lists are loaded, threads that were read, and the marks that are still to be sent. The leading
// tab writes what the server told, each tab its own marks.

import { byPlace } from '../order.js'
import type { Place } from '../order.js'
import type {
  InboxCounts,
  InboxItem,
  InboxOwner,
  Message,
  Snapshot,
  SnapshotChanges,
  StoredInbox,
} from '../types.js'
import type { Loaded } from './list.js'
import type { Pending } from './marks.js'
import type { State } from './state.js'

/** The most items and threads that are kept, the newest. */
const MOST_ITEMS = 1_000
const MOST_THREADS = 50
const WRITE_AFTER = 300

/** The cursor and what belongs to it. */
export interface Head {
  readonly cursor: string
  readonly counts: InboxCounts
  readonly owner: InboxOwner
  readonly lists: readonly (readonly [string, Loaded])[]
}

export interface KeptThread {
  readonly rootId: string
  readonly root: Message
  readonly messages: readonly Message[]
  readonly keptAt: number
}

export interface Restored {
  readonly head?: Head
  readonly items: readonly InboxItem[]
  readonly marks: readonly Pending[]
}

export class Keeper {
  /** Undefined when nothing may be written any more. */
  #inbox: StoredInbox | undefined
  #stored: StoredInbox | undefined
  #state: State
  #head: () => Head | undefined
  /** What is kept, by the objects that were written. */
  #kept = new Map<string, InboxItem>()
  #threads = new Map<string, KeptThread>()
  #changes: SnapshotChanges = { put: [], remove: [] }
  #isDue = false
  /** Whether this tab writes the items, and whether another one did so before. */
  #mayKeepItems = false
  #isToClear = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(state: State, head: () => Head | undefined) {
    this.#state = state
    this.#head = head
    globalThis.addEventListener?.('pagehide', this.flush)
  }

  async open(inbox: StoredInbox | undefined): Promise<Restored | undefined> {
    this.#inbox = this.#stored = inbox
    const snapshot: Snapshot | undefined = await inbox?.read().catch(() => undefined)
    if (!snapshot) return undefined
    const items = snapshot.items as InboxItem[]
    for (const item of items) this.#kept.set(item.id, item)
    for (const thread of snapshot.threads as KeptThread[]) this.#threads.set(thread.rootId, thread)
    return { head: snapshot.head as Head, items, marks: snapshot.marks as Pending[] }
  }

  /** This tab writes the items from now on. */
  leads(): void {
    this.#mayKeepItems = true
    this.#isToClear = true
    this.changed()
  }

  keepMark({ put, remove }: { put?: Pending; remove?: string }): void {
    if (put) this.#changes.put.push({ kind: 'marks', id: put.id, value: put })
    if (remove) this.#changes.remove.push({ kind: 'marks', id: remove })
    // At once: the page may be closed right after the click.
    void this.flush()
  }

  thread(rootId: string): KeptThread | undefined {
    return this.#threads.get(rootId)
  }

  keepThread(thread: KeptThread): void {
    this.#threads.set(thread.rootId, thread)
    this.#changes.put.push({ kind: 'threads', id: thread.rootId, value: thread })
    const newest = [...this.#threads.values()].sort((one, other) => other.keptAt - one.keptAt)
    for (const { rootId } of newest.slice(MOST_THREADS)) {
      this.#threads.delete(rootId)
      this.#changes.remove.push({ kind: 'threads', id: rootId })
    }
    this.changed()
  }

  /** Writes what has changed, soon. */
  changed(): void {
    if (!this.#inbox) return
    this.#isDue = true
    this.#timer ??= setTimeout(this.flush, WRITE_AFTER)
  }

  flush = (): Promise<void> => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const changes = this.#changes
    this.#changes = { put: [], remove: [] }
    if (this.#isDue && this.#mayKeepItems) this.#addItems(changes)
    this.#isDue = false
    // What cannot be written, as the disk is full, is asked for again at the next visit.
    this.#writing = this.#writing.then(() => this.#inbox?.write(changes)).catch(() => undefined)
    return this.#writing
  }

  async erase(): Promise<void> {
    globalThis.removeEventListener?.('pagehide', this.flush)
    await this.flush()
    this.#inbox = undefined
    // Also after it was closed.
    await this.#stored?.erase().catch(() => undefined)
  }

  async close(): Promise<void> {
    globalThis.removeEventListener?.('pagehide', this.flush)
    await this.flush()
    this.#inbox = undefined
    this.#stored?.close()
  }

  /** Adds what has changed of the items since they were written. */
  #addItems(changes: SnapshotChanges): void {
    const head = this.#head()
    if (!head) return
    if (this.#isToClear) {
      changes.clear = true
      this.#isToClear = false
      this.#kept.clear()
    }
    const newest = [...this.#state.items.values()].sort(byPlace)
    const items = new Map(newest.slice(0, MOST_ITEMS).map(item => [item.id, item]))
    for (const [id, item] of items) {
      if (this.#kept.get(id) !== item) changes.put.push({ kind: 'items', id, value: item })
    }
    for (const id of this.#kept.keys()) {
      if (!items.has(id)) changes.remove.push({ kind: 'items', id })
    }
    this.#kept = items
    const last = newest.length > MOST_ITEMS ? newest[MOST_ITEMS - 1] : undefined
    const lists = head.lists.map(([key, loaded]) => [key, downTo(loaded, last)] as const)
    changes.head = { ...head, lists }
  }
}

/** How far a list is loaded if only the items down to a place are kept. */
function downTo(loaded: Loaded, last: Place | undefined): Loaded {
  if (!last) return loaded
  const ends = loaded.ends.filter(end => byPlace(end, last) <= 0)
  return { ends, isComplete: false }
}
