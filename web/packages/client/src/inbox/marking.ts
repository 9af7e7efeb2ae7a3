// Makes marks: what they change of the items that are known, what of others, and how they are taken
// back. `queue` brings them to the server.

import { isTidingsError } from '../errors.js'
import { furthest } from '../order.js'
import type {
  BulkFilter,
  InboxItem,
  ListFilter,
  Mark,
  MarkKind,
  Moment,
  TidingsError,
} from '../types.js'
import { isActive } from './counts.js'
import { normalized } from './list.js'
import type { List } from './list.js'
import { afterMark, basisOf, markedOf } from './marks.js'
import type { Basis, Marked, Pending } from './marks.js'
import { MOST_ITEMS } from './queue.js'
import type { Outcome, Queue } from './queue.js'
import type { State } from './state.js'

/** Milliseconds in which `undoLast` takes back a mark. */
const UNDO_WITHIN = 8_000
/** How many marks `undoLast` can take back, one after the other. */
const MOST_UNDONE = 10

export interface MarkingHost {
  readonly state: State
  readonly queue: Queue
  list(filter: ListFilter): List
  /** All items that are known, as they are shown. */
  items(): Iterable<InboxItem>
}

export class Marking {
  readonly #host: MarkingHost
  readonly #outcomes = new Map<string, (outcome: Outcome | TidingsError) => void>()
  /** What `undoLast` takes back, the latest last. */
  #latest: { at: number; mark: Mark }[] = []
  #number = 0

  constructor(host: MarkingHost) {
    this.#host = host
  }

  mark(kind: MarkKind, itemIds: readonly string[], until?: Moment): Mark {
    const ids = [...new Set(itemIds)]
    const parts: Pending[] = []
    for (let n = 0; n < ids.length; n += MOST_ITEMS) {
      parts.push(this.#pending(kind, ids.slice(n, n + MOST_ITEMS), { until }))
    }
    return this.#add(parts)
  }

  markAll(kind: 'read' | 'seen' | 'archive', filter?: BulkFilter): Mark {
    const wanted = normalized(filter)
    const { cursor } = this.#host.state
    // Nothing is known, so nothing can be meant.
    if (cursor === undefined) return this.#add([])
    const list = this.#host.list(wanted)
    const upTo = furthest(cursor, list.loaded?.upTo)
    const probe = this.#pending(kind, [])
    const found = wanted.search ? list.get().items : [...this.#host.items()]
    const concerned = found.filter(item => list.matches(item) && afterMark(item, probe) !== item)
    const ids = concerned.map(({ id }) => id)
    const unknown = this.#unknown(kind, wanted, concerned)
    if (ids.length === 0 && !unknown && this.#isAllKnown(kind, wanted)) return this.#add([])
    return this.#add([{ ...this.#pending(kind, ids), bulk: { filter: wanted, upTo }, unknown }])
  }

  /** Whether the counts say that there is nothing to change. */
  #isAllKnown(kind: MarkKind, { view, ...others }: ListFilter): boolean {
    const { unread, unseen, active } = this.#host.state.shownCounts() ?? {}
    const left = { read: unread, seen: unseen, archive: active }[
      kind as 'read' | 'seen' | 'archive'
    ]
    return view === 'ACTIVE' && Object.keys(others).length === 0 && left === 0
  }

  /** What a mark for a whole view changes of items that are not known here. */
  #unknown(kind: MarkKind, { view, ...others }: ListFilter, known: readonly InboxItem[]) {
    const counts = this.#host.state.shownCounts()
    const isOfAll = Object.keys(others).length === 0 && (view === 'ACTIVE' || view === 'UNREAD')
    if (!counts || !isOfAll) return undefined
    const isUnread = (item: InboxItem) => isActive(item) && !item.readAt
    const isUnseen = (item: InboxItem) => isActive(item) && !item.seenAt
    const unread = Math.max(0, counts.unread - known.filter(isUnread).length)
    const unseen = Math.max(0, counts.unseen - known.filter(isUnseen).length)
    if (kind === 'seen') return view === 'ACTIVE' && unseen > 0 ? { unseen } : undefined
    if (kind === 'read')
      return unread > 0 ? { unread, ...(view === 'ACTIVE' && { unseen }) } : undefined
    const archived = Math.max(0, counts[view === 'ACTIVE' ? 'active' : 'unread'] - known.length)
    return archived > 0 ? { unread, archived, ...(view === 'ACTIVE' && { unseen }) } : undefined
  }

  #pending(kind: MarkKind, itemIds: readonly string[], more: Partial<Pending> = {}): Pending {
    const at = Date.now()
    const number = (this.#number += 1).toString(36).padStart(6, '0')
    const id = `${at.toString(36).padStart(10, '0')}-${number}-${Math.random().toString(36).slice(2, 8)}`
    const basis: Record<string, Basis> = {}
    for (const itemId of itemIds) {
      const item = this.#host.state.items.get(itemId)
      // What the server is just being told of it would look like a change of somebody else.
      if (item && !this.#host.state.marksOf(itemId).some(({ reach }) => reach)) {
        basis[itemId] = basisOf(item)
      }
    }
    return { id, at, kind, itemIds, basis, ...more }
  }

  /** Shows marks, and sends them; they are one for their maker. */
  #add(parts: readonly Pending[]): Mark {
    const before: Record<string, Marked> = {}
    for (const { itemIds } of parts) {
      for (const id of itemIds) {
        const item = this.#host.state.item(id)
        if (item) before[id] = markedOf(item)
      }
    }
    const outcomes = parts.map(part => {
      const outcome = new Promise<Outcome>((resolve, reject) => {
        this.#outcomes.set(part.id, result =>
          isTidingsError(result) ? reject(result) : resolve(result),
        )
      })
      // The event says so; not everybody waits.
      outcome.catch(() => undefined)
      this.#host.queue.add(part)
      return { part, outcome }
    })
    const done = Promise.all(outcomes.map(({ outcome }) => outcome)).then(() => undefined)
    done.catch(() => undefined)
    const undo = async () => {
      await Promise.all(outcomes.map(({ part, outcome }) => this.#undo(part, outcome, before)))
    }
    const mark = { done, undo }
    const canBeUndone = parts.length > 0 && parts[0].kind !== 'seen' && parts[0].kind !== 'undo'
    if (canBeUndone)
      this.#latest = [...this.#latest.slice(1 - MOST_UNDONE), { at: Date.now(), mark }]
    return mark
  }

  async #undo(part: Pending, outcome: Promise<Outcome>, before: Record<string, Marked>) {
    this.#host.queue.cancel(part.id)
    const result = await outcome.catch(() => 'cancelled' as const)
    if (result === 'cancelled') return
    if (part.kind === 'mute' || part.kind === 'unmute') {
      const opposite = part.kind === 'mute' ? 'unmute' : 'mute'
      return this.#add([this.#pending(opposite, [], { rootId: part.rootId })]).done
    }
    if (result.undo === null) return
    const undo = { cursor: result.undo, before }
    await this.#add([this.#pending('undo', part.itemIds, { undo })]).done
  }

  ofThread(kind: 'mute' | 'unmute', rootId: string): Mark {
    return this.#add([this.#pending(kind, [], { rootId })])
  }

  undoLast(): Promise<void> | undefined {
    const latest = this.#latest.pop()
    return latest && Date.now() - latest.at <= UNDO_WITHIN ? latest.mark.undo() : undefined
  }

  /** What became of a mark, which may be of another tab or visit. */
  settled(id: string, outcome: Outcome | TidingsError): void {
    this.#outcomes.get(id)?.(outcome)
    this.#outcomes.delete(id)
  }
}
