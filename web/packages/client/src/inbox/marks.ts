// What people do with their items: what each mark makes of an item (the same rules as the server's),
// and whether it still may when it was made without a connection.

import type { InboxItem, ListFilter, MarkKind, Moment } from '../types.js'

/** What marks change of an item. */
export type Marked = Pick<InboxItem, 'seenAt' | 'readAt' | 'archivedAt' | 'snoozedUntil'>
/** What an item was when it was marked. */
export type Basis = Marked & Pick<InboxItem, 'createdAt' | 'updatedAt'>

/** A mark that the server, or what is shown of it, does not have yet. Never changed in place. */
export interface Pending {
  /** In the order in which marks were made, over all tabs. */
  readonly id: string
  /** As of `Date.now()`. */
  readonly at: number
  readonly kind: MarkKind
  /** The items that are known to change. */
  readonly itemIds: readonly string[]
  readonly basis: Readonly<Record<string, Basis>>
  readonly until?: Moment
  /** For a mark for all items of a list. */
  readonly bulk?: { readonly filter: ListFilter; readonly upTo: string }
  /** For a thread that is muted or no longer muted. */
  readonly rootId?: string
  /** For an undo: the change, and what its items were before. */
  readonly undo?: { readonly cursor: string; readonly before: Readonly<Record<string, Marked>> }
  /** How many unknown items leave a count by it. */
  readonly unknown?: Readonly<{ unread?: number; unseen?: number; archived?: number }>
  /** The server has it; it is kept until the inbox has followed up to this cursor. */
  readonly reach?: string
}

export function markedOf({ seenAt, readAt, archivedAt, snoozedUntil }: InboxItem): Marked {
  return { seenAt, readAt, archivedAt, snoozedUntil }
}

export function basisOf(item: InboxItem): Basis {
  return { ...markedOf(item), createdAt: item.createdAt, updatedAt: item.updatedAt }
}

/** What the item is after the mark; the same object if it makes no difference. */
export function afterMark(item: InboxItem, mark: Pending): InboxItem {
  const change = changeOf(item, mark)
  return change ? { ...item, ...change } : item
}

function changeOf(item: InboxItem, mark: Pending): Partial<Marked> | undefined {
  const at = new Date(mark.at).toISOString()
  switch (mark.kind) {
    case 'read':
      return item.readAt ? undefined : { readAt: at, seenAt: item.seenAt ?? at }
    case 'unread':
      return item.readAt ? { readAt: null } : undefined
    case 'seen':
      return item.seenAt ? undefined : { seenAt: at }
    case 'archive':
      return item.archivedAt ? undefined : { archivedAt: at, snoozedUntil: null }
    case 'unarchive':
      return item.archivedAt ? { archivedAt: null } : undefined
    case 'snooze':
      return isSame(item.snoozedUntil, mark.until)
        ? undefined
        : { snoozedUntil: mark.until, archivedAt: null }
    case 'unsnooze':
      return item.snoozedUntil ? { snoozedUntil: null } : undefined
    case 'undo':
      return mark.undo?.before[item.id]
    default:
      return undefined
  }
}

/** Whether two moments are the same, however they are written. */
function isSame(one: Moment | null, other: Moment | null | undefined): boolean {
  return one === other || (!!one && !!other && Date.parse(one) === Date.parse(other))
}

/**
 * Why a mark that has waited may not be made any more, now that the item is known as it is:
 *
 * - `gone`: the item is no longer there, or a restored server has given its id to another one.
 * - `changed-elsewhere`: it has come back at the top with something that the reader has not seen;
 *   or it was moved or read elsewhere after the mark. What has no time of its own, such as an
 *   archived item that was brought back, counts as newer.
 */
export function objection(
  mark: Pending,
  basis: Basis,
  item: InboxItem | null | undefined,
): 'gone' | 'changed-elsewhere' | undefined {
  if (!item || item.createdAt !== basis.createdAt) return 'gone'
  if (afterMark(item, mark) === item) return undefined
  const hides = mark.kind !== 'unread' && mark.kind !== 'unarchive' && mark.kind !== 'unsnooze'
  if (hides && item.updatedAt > basis.updatedAt) return 'changed-elsewhere'
  const isLater = (moment: Moment | null) => !moment || Date.parse(moment) > mark.at
  switch (mark.kind) {
    case 'unread':
      return item.readAt !== basis.readAt && isLater(item.readAt) ? 'changed-elsewhere' : undefined
    case 'archive':
    case 'unarchive':
    case 'snooze':
    case 'unsnooze': {
      const isMoved =
        item.archivedAt !== basis.archivedAt || item.snoozedUntil !== basis.snoozedUntil
      return isMoved && isLater(item.archivedAt) ? 'changed-elsewhere' : undefined
    }
    default:
      return undefined
  }
}
