import { useState } from 'react'
import { useItem } from '../hooks'
import type { Row } from './rows'

/** The row that is open, and where it stood when the list last had it. */
export function useOpenRow(rows: readonly Row[], itemId: string | undefined) {
  const [kept, setKept] = useState<{ itemId: string; row: Row; index: number }>()
  const index = itemId ? rows.findIndex(row => row.ids.includes(itemId)) : -1
  const row = rows[index]
  if (itemId && row && (kept?.row !== row || kept.index !== index || kept.itemId !== itemId)) {
    setKept({ itemId, row, index })
  }
  // What the list no longer has is known by itself.
  const item = useItem(itemId)
  if (!itemId || kept?.itemId !== itemId || item === null) return undefined
  if (row || !item) return kept
  return { ...kept, row: { ...kept.row, item, unreadIds: item.readAt ? [] : [item.id] } }
}
