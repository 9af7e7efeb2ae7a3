/** Which row has the tab stop and which is open, and how one goes from row to row. */

import { type RefObject, useCallback, useState } from 'react'
import type { InboxItem } from '@tidings/client'
import type { ItemListHandle } from './ItemList'
import type { Place } from './place'
import type { Row } from './rows'

export type Navigation = ReturnType<typeof useNavigation>

interface NavigationOf {
  list: RefObject<ItemListHandle | null>
  /** The title of what is open. */
  heading: RefObject<HTMLHeadingElement | null>
  place: Place
  go: (to: Place, replace?: boolean) => void
  rows: readonly Row[]
  openKey: string | undefined
  /** Whether what is open stands beside the list. */
  isWide: boolean
  /** Opens an item elsewhere: if it returns true, the inbox does not open it. */
  onItemClick?: (item: InboxItem) => boolean | void
}

export function useNavigation(of: NavigationOf) {
  const { list, heading, place, go, rows, openKey, isWide, onItemClick } = of
  const [activeKey, setActiveKey] = useState<string>()

  const open = useCallback(
    (row: Row, byKeyboard: boolean, replace = false) => {
      setActiveKey(row.key)
      if (onItemClick?.(row.item) === true) return
      go({ ...place, item: row.item.id, preferences: undefined }, replace)
      if (byKeyboard || !isWide) requestAnimationFrame(() => heading.current?.focus())
    },
    [heading, go, place, onItemClick, isWide],
  )
  const close = useCallback(() => {
    go({ ...place, item: undefined })
    const key = openKey ?? activeKey
    if (key) requestAnimationFrame(() => list.current?.focusRow(key))
  }, [list, go, place, openKey, activeKey])

  const index = rows.findIndex(row => row.key === (place.item ? openKey : activeKey))
  /** The next row, or the one before; the first if nothing has been looked at yet. */
  const beside = (step: 1 | -1) => rows[index < 0 ? 0 : index + step]
  const focus = ({ key }: Row) => {
    setActiveKey(key)
    if (isWide || !place.item) list.current?.focusRow(key)
  }
  const move = (step: 1 | -1) => {
    const next = beside(step)
    if (!next) return
    if (place.item) open(next, !isWide, true)
    focus(next)
  }

  /** Rows will be gone: the focus goes to the next one, and what is open to it, too. */
  const leave = (subject: readonly Row[]) => {
    const leaving = new Set(subject.map(row => row.key))
    const last = rows.findLastIndex(row => leaving.has(row.key))
    const stays = (row: Row) => !leaving.has(row.key)
    const next =
      rows.slice(last + 1).find(stays) ?? rows.slice(0, Math.max(last, 0)).findLast(stays)
    const isOpen = openKey !== undefined && leaving.has(openKey)
    setActiveKey(next?.key)
    if (isOpen && (!isWide || !next)) go({ ...place, item: undefined })
    else if (isOpen && next) go({ ...place, item: next.item.id }, true)
    if (next) requestAnimationFrame(() => list.current?.focusRow(next.key))
  }

  return {
    activeKey,
    setActiveKey,
    /** Where the reader is. */
    current: rows[Math.max(index, 0)],
    beside,
    focus,
    move,
    open,
    close,
    leave,
  }
}
