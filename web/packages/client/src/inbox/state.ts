// The inbox as the server has told it, and as it is shown: with the marks that are on their way.

import type { InboxCounts, InboxItem, InboxThread } from '../types.js'
import { adjusted } from './counts.js'
import { afterMark } from './marks.js'
import type { Pending } from './marks.js'

export interface Change {
  readonly type: 'ARRIVED' | 'REMINDED' | 'REMOVED' | 'UPDATED'
  readonly itemId: string
  readonly item: InboxItem | null
  readonly thread: InboxThread | null
}

/** What has changed since a request began; what it answers of these is older, or comes again. */
export class Touched {
  readonly ids = new Set<string>()
  /** Everything was loaded again meanwhile: the answer is of no use. */
  isOver = false
}

export class State {
  readonly items = new Map<string, InboxItem>()
  /** All items of a thread show the same. */
  readonly #threads = new Map<string, InboxThread>()
  readonly #ofThread = new Map<string, Set<string>>()
  cursor: string | undefined
  counts: InboxCounts | undefined
  /** In the order in which they were made. */
  #marks: readonly Pending[] = []
  #marksOf = new Map<string, Pending[]>()
  #shown = new Map<string, InboxItem>()
  #shownThreads = new Map<string, InboxThread>()
  readonly #requests = new Set<Touched>()

  get marks(): readonly Pending[] {
    return this.#marks
  }

  /** Begins a request, whose answer goes to `merge`. */
  watch(): Touched {
    const touched = new Touched()
    this.#requests.add(touched)
    return touched
  }

  unwatch(touched: Touched): void {
    this.#requests.delete(touched)
  }

  /** Takes in what changed next. */
  apply(changes: readonly Change[]): void {
    for (const { itemId, item, thread } of changes) {
      const known = this.items.get(itemId)
      const newest = thread ?? item?.thread
      for (const { ids } of this.#requests) {
        ids.add(itemId)
        if (newest) ids.add(newest.id)
      }
      if (newest) this.#setThread(newest)
      if (item) this.#set(item)
      else if (known) this.#remove(known)
    }
  }

  /** Takes in what a request has answered, but for what has changed since it began. */
  merge(items: readonly InboxItem[], { ids, isOver }: Touched): void {
    if (isOver) return
    for (const item of items) {
      if (item.thread && !ids.has(item.thread.id)) this.#setThread(item.thread)
      if (!ids.has(item.id)) this.#set(item)
    }
  }

  /** Takes in what a mark has answered. Its counts are newer than the items that are known. */
  mergeThread({ id, isMuted }: InboxThread): void {
    const known = this.#threads.get(id)
    if (known) this.#setThread({ ...known, isMuted })
  }

  clear(): void {
    for (const touched of this.#requests) touched.isOver = true
    for (const map of [this.items, this.#threads, this.#ofThread]) map.clear()
    this.#shown.clear()
    this.#shownThreads.clear()
  }

  setMarks(marks: readonly Pending[]): void {
    const before = this.#marks
    this.#marks = marks
    this.#marksOf = new Map()
    for (const mark of marks) {
      for (const id of mark.itemIds) {
        const ofItem = this.#marksOf.get(id)
        if (ofItem) ofItem.push(mark)
        else this.#marksOf.set(id, [mark])
      }
    }
    for (const mark of new Set([...before, ...marks])) {
      if (before.includes(mark) && marks.includes(mark)) continue
      for (const id of mark.itemIds) this.#forget(id)
      if (mark.rootId) this.#forgetAbout(mark.rootId)
    }
  }

  marksOf(id: string): readonly Pending[] {
    return this.#marksOf.get(id) ?? []
  }

  /** An item as it is shown. */
  item(id: string): InboxItem | undefined {
    const shown = this.#shown.get(id)
    if (shown) return shown
    const known = this.items.get(id)
    if (!known) return undefined
    const marked = this.marksOf(id).reduce(afterMark, known)
    const thread = known.thread && this.#thread(known.thread.id)
    const item = marked.thread === thread ? marked : { ...marked, thread }
    this.#shown.set(id, item)
    return item
  }

  shownCounts(): InboxCounts | undefined {
    if (!this.counts || this.#marks.length === 0) return this.counts
    const changes = [...this.#marksOf.keys()].flatMap(id => {
      const [before, after] = [this.items.get(id), this.item(id)]
      return before && after ? [{ before, after }] : []
    })
    return adjusted(this.counts, changes, this.#marks)
  }

  /** The items of a thread that are known. */
  itemsAbout(rootId: string): InboxItem[] {
    return [...this.items.keys()].flatMap(id => {
      const item = this.item(id)
      return item && rootOf(item) === rootId ? [item] : []
    })
  }

  #thread(id: string): InboxThread | null {
    const shown = this.#shownThreads.get(id)
    if (shown) return shown
    const known = this.#threads.get(id)
    if (!known) return null
    let { unreadCount, isMuted } = known
    let rootId: string | undefined
    for (const itemId of this.#ofThread.get(id) ?? []) {
      const item = this.items.get(itemId)
      if (!item) continue
      rootId ??= rootOf(item)
      const marks = this.marksOf(itemId)
      if (marks.length === 0) continue
      const after = marks.reduce(afterMark, item)
      unreadCount += Number(!after.readAt) - Number(!item.readAt)
    }
    for (const { kind, rootId: muted } of this.#marks) {
      if (muted && muted === rootId) isMuted = kind === 'mute'
    }
    const isAsKnown = unreadCount === known.unreadCount && isMuted === known.isMuted
    const thread = isAsKnown ? known : { ...known, unreadCount, isMuted }
    this.#shownThreads.set(id, thread)
    return thread
  }

  #set(item: InboxItem): void {
    const { id, thread } = item
    this.items.set(id, item)
    if (thread) {
      const ofThread = this.#ofThread.get(thread.id)
      if (ofThread) ofThread.add(id)
      else this.#ofThread.set(thread.id, new Set([id]))
      if (!this.#threads.has(thread.id)) this.#threads.set(thread.id, thread)
    }
    this.#forget(id)
  }

  #remove({ id, thread }: InboxItem): void {
    this.#forget(id)
    this.items.delete(id)
    if (thread) this.#ofThread.get(thread.id)?.delete(id)
  }

  #setThread(thread: InboxThread): void {
    const known = this.#threads.get(thread.id)
    const isSame =
      known?.messageCount === thread.messageCount &&
      known.unreadCount === thread.unreadCount &&
      known.isMuted === thread.isMuted
    if (isSame) return
    this.#threads.set(thread.id, thread)
    this.#forgetThread(thread.id)
  }

  /** What is shown of the item is no longer right, nor what its thread counts. */
  #forget(id: string): void {
    this.#shown.delete(id)
    const thread = this.items.get(id)?.thread
    if (thread) this.#forgetThread(thread.id)
  }

  #forgetThread(threadId: string): void {
    this.#shownThreads.delete(threadId)
    for (const id of this.#ofThread.get(threadId) ?? []) this.#shown.delete(id)
  }

  #forgetAbout(rootId: string): void {
    for (const item of this.items.values()) if (rootOf(item) === rootId) this.#forget(item.id)
  }
}

/** Who has sent the message that an item is about. */
export function senderOf({ about }: InboxItem): string | undefined {
  return about?.__typename === 'Message' ? about.sender?.id : undefined
}

/** The first message of the thread that an item belongs to. */
export function rootOf({ about }: InboxItem): string | undefined {
  return about?.__typename === 'Message' ? about.root.id : undefined
}
