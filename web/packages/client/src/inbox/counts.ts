// The counts of an inbox with marks that the server does not have yet.

import type { InboxCounts, InboxItem } from '../types.js'
import type { Pending } from './marks.js'

export function isActive({ archivedAt, snoozedUntil }: InboxItem): boolean {
  return !archivedAt && !snoozedUntil
}

/** The counts after some items have become others. */
export function adjusted(
  counts: InboxCounts,
  changes: readonly { before: InboxItem; after: InboxItem }[],
  marks: readonly Pending[],
): InboxCounts {
  const numbers = {
    active: counts.active,
    unread: counts.unread,
    unseen: counts.unseen,
    snoozed: counts.snoozed,
    archived: counts.archived,
  }
  const kinds = new Map(counts.unreadByKind.map(({ kind, count }) => [kind, count]))
  const categories = new Map(
    counts.unreadByCategory.map(({ category, count }) => [category, count]),
  )
  const add = (item: InboxItem, sign: number) => {
    if (item.archivedAt) numbers.archived += sign
    if (item.snoozedUntil) numbers.snoozed += sign
    if (!isActive(item)) return
    numbers.active += sign
    if (!item.seenAt) numbers.unseen += sign
    if (item.readAt) return
    numbers.unread += sign
    kinds.set(item.kind, (kinds.get(item.kind) ?? 0) + sign)
    if (item.category) categories.set(item.category, (categories.get(item.category) ?? 0) + sign)
  }
  for (const { before, after } of changes) {
    add(before, -1)
    add(after, 1)
  }
  for (const { unknown } of marks) {
    numbers.unread -= unknown?.unread ?? 0
    numbers.unseen -= unknown?.unseen ?? 0
    numbers.active -= unknown?.archived ?? 0
    numbers.archived += unknown?.archived ?? 0
  }
  return {
    ...numbers,
    unreadByKind: [...kinds].map(([kind, count]) => ({ kind, count })),
    unreadByCategory: [...categories].map(([category, count]) => ({ category, count })),
  }
}
