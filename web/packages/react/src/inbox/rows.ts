/** The rows of a list: the messages of one thread are one row. */

import type { InboxItem } from '@tidings/client'

export interface Row {
  /** The same as long as it is about the same thing. */
  key: string
  /** The newest item. */
  item: InboxItem
  /** All items behind the row. */
  ids: readonly string[]
  unreadIds: readonly string[]
}

export function rowsOf(items: readonly InboxItem[]): readonly Row[] {
  const rows: Row[] = []
  const places = new Map<string, number>()
  for (const item of items) {
    const key = item.thread?.id ?? item.id
    const unread = item.readAt ? [] : [item.id]
    const place = places.get(key)
    const row = place === undefined ? undefined : rows[place]
    if (row && place !== undefined) {
      const ids = [...row.ids, item.id]
      rows[place] = { ...row, ids, unreadIds: [...row.unreadIds, ...unread] }
    } else {
      places.set(key, rows.length)
      rows.push({ key, item, ids: [item.id], unreadIds: unread })
    }
  }
  return rows
}

/**
 * Keeps the row that is open where it was, also when it no longer belongs to the list: who opens an
 * unread item in “Unread” goes on reading it there.
 */
export function withOpenRow(
  rows: readonly Row[],
  open: Row | undefined,
  index: number,
): readonly Row[] {
  if (!open || rows.some(row => row.key === open.key)) return rows
  return [...rows.slice(0, index), open, ...rows.slice(index)]
}
