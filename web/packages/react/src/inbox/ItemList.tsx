/**
 * The rows, of which only those in sight exist. Nothing in it jumps: what arrives while the reader
 * has scrolled waits behind a button, and what leaves above leaves the rows in sight where they are.
 */

import {
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
} from 'react'
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual'
import type { InboxItem, ListStore, TidingsError } from '@tidings/client'
import { Button } from '../base/Button'
import { UpIcon } from '../base/Icon'
import { useNow } from '../format'
import { useTidings } from '../hooks'
import { useLabels } from '../labels/context'
import type { Density } from './density'
import { Failed } from './Failed'
import { Row, type RowAction } from './Row'
import type { Row as RowOf } from './rows'
import { useNewcomers } from './useNewcomers'

export interface ItemListHandle {
  /** Moves the focus to a row, once it is there. */
  focusRow: (key: string) => void
  scrollToTop: () => void
  isAtTop: () => boolean
}

export interface ItemListProps {
  list: ListStore
  label: string
  rows: readonly RowOf[]
  hasMore: boolean
  isLoadingMore: boolean
  /** Why the last page could not be loaded. */
  error?: TidingsError
  waiting: number
  density: Density
  activeKey: string | undefined
  openKey: string | undefined
  selected: ReadonlySet<string>
  hrefFor: (row: RowOf) => string
  onOpen: (row: RowOf, byKeyboard: boolean) => void
  onFocus: (row: RowOf) => void
  onSelect: (row: RowOf, isRange: boolean) => void
  onAction: (row: RowOf, action: RowAction) => void
  renderItem?: (item: InboxItem, content: ReactNode) => ReactNode
  ref?: Ref<ItemListHandle>
}

/** In rem: rows grow with the text. The style sheet says the same. */
const HEIGHTS: Record<Density, number> = { comfortable: 3.75, compact: 2.125 }
/** Rows beyond the edges. Each page that is scrolled creates these, too. */
const OVERSCAN = 4
/** How many rows before the end the next page is asked for. */
const AHEAD = 15

export function ItemList(props: ItemListProps) {
  const { list, rows, hasMore, isLoadingMore, waiting, density, activeKey } = props
  const labels = useLabels()
  const { inbox } = useTidings()
  const now = useNow()
  const scroller = useRef<HTMLDivElement>(null)
  const wanted = useRef<string | undefined>(undefined)
  const newcomers = useNewcomers()
  const rem =
    typeof window === 'undefined'
      ? 16
      : parseFloat(getComputedStyle(document.documentElement).fontSize)
  const height = Math.round(HEIGHTS[density] * rem)
  const activeIndex = rows.findIndex(row => row.key === activeKey)

  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is compiled
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: index => rows[index]?.key ?? index,
    overscan: OVERSCAN,
    // The row with the tab stop is always there.
    rangeExtractor: range => {
      const seen = defaultRangeExtractor(range)
      return activeIndex < 0 || seen.includes(activeIndex)
        ? seen
        : [...seen, activeIndex].sort((a, b) => a - b)
    },
  })
  const items = virtualizer.getVirtualItems()
  const lastIndex = items.at(-1)?.index ?? 0

  useLayoutEffect(() => virtualizer.measure(), [virtualizer, height])

  // Rows that leave above the window pull the others up: follow them.
  const before = useRef<readonly RowOf[]>(rows)
  useLayoutEffect(() => {
    const element = scroller.current
    const old = before.current
    before.current = rows
    if (!element || element.scrollTop === 0 || old === rows) return
    const first = Math.floor(element.scrollTop / height)
    const anchor = old.slice(first).find(row => rows.some(({ key }) => key === row.key))
    if (!anchor) return
    const moved = rows.findIndex(row => row.key === anchor.key) - old.indexOf(anchor)
    if (moved !== 0) element.scrollTop += moved * height
  }, [rows, height])

  useEffect(() => {
    if (hasMore && !isLoadingMore && !props.error && lastIndex >= rows.length - AHEAD)
      void list.loadMore()
  }, [list, hasMore, isLoadingMore, props.error, lastIndex, rows.length])

  useEffect(() => () => list.release(), [list])
  const onScroll = useCallback(() => {
    if ((scroller.current?.scrollTop ?? 0) > height / 2) list.hold()
    else list.release()
  }, [list, height])

  const tryFocus = useCallback(() => {
    if (!wanted.current) return
    const row = scroller.current?.querySelector<HTMLElement>(
      `[data-key="${CSS.escape(wanted.current)}"] > a`,
    )
    if (!row) return
    wanted.current = undefined
    row.focus({ preventScroll: true })
  }, [])
  // The row may come into being only after scrolling.
  useEffect(tryFocus)

  useImperativeHandle(props.ref, () => ({
    focusRow(key) {
      wanted.current = key
      const index = rows.findIndex(row => row.key === key)
      if (index >= 0) virtualizer.scrollToIndex(index, { align: 'auto' })
      tryFocus()
    },
    scrollToTop() {
      scroller.current?.scrollTo({ top: 0 })
    },
    isAtTop: () => (scroller.current?.scrollTop ?? 0) <= height / 2,
  }))

  return (
    <div className="tidings-list">
      {waiting > 0 ? (
        <Button
          kind="main"
          className="tidings-button tidings-waiting"
          icon={<UpIcon size="small" />}
          onClick={() => {
            list.release()
            scroller.current?.scrollTo({ top: 0 })
          }}
        >
          {labels.newItems(waiting)}
        </Button>
      ) : null}
      <div ref={scroller} className="tidings-scroller" part="list" onScroll={onScroll}>
        {/* Safari forgets that it is a list if it has no bullets. */}
        {/* eslint-disable-next-line jsx-a11y/no-redundant-roles */}
        <ul role="list" aria-label={props.label} style={{ height: virtualizer.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const row = rows[index]
            return row ? (
              <Row
                key={row.key}
                row={row}
                href={props.hrefFor(row)}
                now={now}
                top={start}
                position={index + 1}
                count={hasMore ? -1 : rows.length}
                isCompact={density === 'compact'}
                isActive={index === (activeIndex < 0 ? 0 : activeIndex)}
                isOpen={row.key === props.openKey}
                isSelected={props.selected.has(row.key)}
                isNew={newcomers.has(row.item.id)}
                isPending={row.ids.some(id => inbox.isPending(id))}
                onOpen={props.onOpen}
                onFocus={props.onFocus}
                onSelect={props.onSelect}
                onAction={props.onAction}
                renderItem={props.renderItem}
              />
            ) : null
          })}
        </ul>
        {props.error ? <Failed error={props.error} onRetry={() => list.retry()} /> : null}
        {hasMore ? null : <p className="tidings-end">{labels.endOfList}</p>}
      </div>
    </div>
  )
}
