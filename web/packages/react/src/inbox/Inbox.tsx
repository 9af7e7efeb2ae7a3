/** The whole inbox: which list, the list, and what is open in it. */

import {
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import type { InboxItem, ListFilter } from '@tidings/client'
import { EmptyState } from '../base/EmptyState'
import { useConnection, useInbox } from '../hooks'
import { useLabels } from '../labels/context'
import { KeysHelp, SearchNameDialog, SnoozeDialog, prepareLater } from '../later'
import { prepareMarkdown } from '../markdown/Markdown'
import { OpenPane } from '../panes/OpenPane'
import { useConnectionBanner } from './ConnectionBanner'
import { useDensity } from './density'
import { Failed } from './Failed'
import { ItemList, type ItemListHandle } from './ItemList'
import { ListHead } from './ListHead'
import { NothingHere } from './NothingHere'
import { type Place, isSearch, queryOf, startOf } from './place'
import type { RowAction } from './Row'
import { type Row, rowsOf, withOpenRow } from './rows'
import { RowSkeletons } from './RowSkeletons'
import { Sidebar } from './Sidebar'
import { isSame, useSearches } from './searches'
import { useCommands } from './useCommands'
import { useFound } from './useFound'
import { useMarks } from './useMarks'
import { useNavigation } from './useNavigation'
import { useOpenRow } from './useOpenRow'
import { sendersOf } from './usePeople'
import { useArrivalsInSight, useSeeing } from './useSeeing'
import { useSelection } from './useSelection'
import { useWidth } from './useWidth'

export interface InboxProps {
  /** Where the reader is; without it, the component remembers by itself. */
  place?: Place
  onNavigate?: (place: Place, options: { replace: boolean }) => void
  /** The address of a place, for links; its query by default. */
  hrefFor?: (place: Place) => string
  /** Opens an item elsewhere: if it returns true, the inbox does not open it. */
  onItemClick?: (item: InboxItem) => boolean | void
  onCompose?: () => void
  onGo?: (to: 'inbox' | 'sent' | 'dashboard') => void
  /** Where the sender of a message sees who has read it. */
  receiptsHref?: (messageId: string) => string
  /** Whether the shortcuts work wherever the focus is on the page. */
  isPage?: boolean
  /** What stands in a row, in place of `content`. */
  renderItem?: (item: InboxItem, content: ReactNode) => ReactNode
  /** What stands where a list is empty. */
  renderEmpty?: (place: Place) => ReactNode
  /** More in the column of views. */
  children?: ReactNode
}

/** From here on, the pane stands beside the list. */
const WIDE = 1000
/** Below this, the views stand above the list. */
const NARROW = 736

export function Inbox(props: InboxProps) {
  const { hrefFor = queryOf, renderEmpty } = props
  const labels = useLabels()
  const marks = useMarks()
  const connection = useConnection()
  const banner = useConnectionBanner()
  const root = useRef<HTMLDivElement>(null)
  const listHandle = useRef<ItemListHandle>(null)
  const search = useRef<HTMLInputElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const width = useWidth(root)
  const isWide = width >= WIDE
  const [ownPlace, setOwnPlace] = useState<Place>({ view: 'ACTIVE' })
  const place = props.place ?? ownPlace
  const { onNavigate } = props
  const go = useCallback(
    (to: Place, replace = false) => {
      setOwnPlace(to)
      onNavigate?.(to, { replace })
    },
    [onNavigate],
  )

  const { view, kind, category, search: words, sender, after, before } = place
  const filter = useMemo<ListFilter>(
    () => ({
      view,
      kinds: kind && [kind],
      categories: category ? [category] : undefined,
      search: words,
      sender,
      updatedFrom: startOf(after)?.toISOString(),
      updatedBefore: startOf(before)?.toISOString(),
    }),
    [view, kind, category, words, sender, after, before],
  )
  const { list, items, hasMore, loading, error, waiting, isFresh } = useInbox(filter)
  const [density, setDensity] = useDensity()
  const [snoozing, setSnoozing] = useState<readonly string[]>()
  const [isHelpOpen, setHelpOpen] = useState(false)
  const [isNaming, setNaming] = useState(false)
  const saved = useSearches()

  const plainRows = useMemo(() => rowsOf(items), [items])
  const openRow = useOpenRow(plainRows, place.item)
  const rows = useMemo(
    () => withOpenRow(plainRows, openRow?.row, openRow?.index ?? 0),
    [plainRows, openRow],
  )
  const openKey = openRow?.row.key
  const { onItemClick } = props
  const navigation = useNavigation({
    list: listHandle,
    heading,
    place,
    go,
    rows,
    openKey,
    isWide,
    onItemClick,
  })
  const { activeKey, setActiveKey, leave } = navigation
  const selection = useSelection(rows, activeKey)

  useEffect(() => {
    prepareMarkdown()
    prepareLater()
  }, [])
  // A selection is of this list.
  const filterKey = JSON.stringify(filter)
  const [selectedIn, setSelectedIn] = useState(filterKey)
  if (selectedIn !== filterKey) {
    setSelectedIn(filterKey)
    selection.clear()
    setActiveKey(undefined)
  }
  useSeeing(items, view === 'ACTIVE' && !isSearch(place), filter)
  const isListInSight = isWide || !place.item
  const isListAtTop = useCallback(
    () => isListInSight && listHandle.current?.isAtTop() === true,
    [isListInSight],
  )
  useArrivalsInSight(place, isListAtTop)

  /** What a command is about: the selection, else what is open, else the row with the focus. */
  const subjects = (): Row[] => {
    if (selection.keys.size > 0) return rows.filter(row => selection.keys.has(row.key))
    const key = place.item ? (openKey ?? activeKey) : activeKey
    const row = rows.find(row => row.key === key)
    return row ? [row] : []
  }

  const apply = (subject: readonly Row[], action: RowAction) => {
    if (subject.length === 0) return
    const ids = subject.flatMap(row => row.ids)
    const unread = subject.flatMap(row => row.unreadIds)
    if (action === 'snooze') return setSnoozing(ids)
    if (action === 'read') return marks.read(unread.length > 0 ? unread : ids)
    // The newest of a thread is enough to find it again.
    if (action === 'unread') return marks.unread(subject.map(row => row.item.id))
    leave(subject)
    marks[action](ids)
    selection.clear()
  }

  useFound(root, words)
  const replyRequest = useCommands({
    root,
    isPage: props.isPage ?? false,
    place,
    go,
    rows,
    navigation,
    selection,
    marks,
    subjects,
    apply,
    search,
    onHelp: () => setHelpOpen(true),
    onCompose: props.onCompose,
    onGo: props.onGo,
  })

  // Stable for the rows, which are many.
  const { open } = navigation
  const { select } = selection
  const latest = useRef({ apply, open, select })
  useLayoutEffect(() => {
    latest.current = { apply, open, select }
  })
  const onRowAction = useCallback(
    (row: Row, action: RowAction) => latest.current.apply([row], action),
    [],
  )
  const onRowOpen = useCallback(
    (row: Row, byKeyboard: boolean) => latest.current.open(row, byKeyboard),
    [],
  )
  const onRowSelect = useCallback(
    (row: Row, isRange: boolean) => latest.current.select(row, isRange),
    [],
  )
  const onRowFocus = useCallback((row: Row) => setActiveKey(row.key), [setActiveKey])

  if (connection.state === 'deactivated' || connection.state === 'signed-out') {
    const isOut = connection.state === 'signed-out'
    return (
      <div ref={root} className="tidings tidings-inbox" part="inbox" lang={labels.locale}>
        <EmptyState title={isOut ? labels.signedOut : labels.deactivated}>
          {isOut ? labels.signedOutHint : labels.deactivatedHint}
        </EmptyState>
      </div>
    )
  }

  const savedHere = saved.searches.find(one => isSame(one.place, place))
  const nameOf = (id: string | undefined) => sendersOf(items).find(one => one.id === id)?.name
  const isCovered = !isWide && (place.item !== undefined || place.preferences === true)
  return (
    <div
      ref={root}
      className="tidings tidings-inbox"
      part="inbox"
      lang={labels.locale}
      data-wide={isWide || undefined}
      data-narrow={width < NARROW || undefined}
      data-covered={isCovered || undefined}
    >
      <Sidebar place={place} searches={saved.searches} hrefFor={hrefFor} onNavigate={to => go(to)}>
        {props.children}
      </Sidebar>
      <section className="tidings-column" part="column" aria-label={labels.list}>
        <ListHead
          place={place}
          items={items}
          searchRef={search}
          density={density}
          onDensity={setDensity}
          selectedCount={selection.keys.size}
          subjects={subjects}
          onAction={apply}
          onClearSelection={selection.clear}
          onNavigate={(to, replace) => go(to, replace)}
          onReadAll={() => marks.readAll(filter)}
          onArchiveAll={() => marks.archiveAll(filter)}
          onHelp={() => setHelpOpen(true)}
          isSaved={savedHere !== undefined}
          onNameSearch={() => setNaming(true)}
          onRemoveSearch={() => saved.remove(place)}
        />
        {isCovered ? null : banner}
        {error && items.length === 0 ? (
          <Failed error={error} onRetry={() => list.retry()} />
        ) : rows.length > 0 ? (
          <ItemList
            key={filterKey}
            ref={listHandle}
            list={list}
            label={labels.views[view]}
            rows={rows}
            hasMore={hasMore}
            isLoadingMore={loading === 'more'}
            error={error}
            waiting={waiting}
            density={density}
            activeKey={activeKey}
            openKey={openKey}
            selected={selection.keys}
            hrefFor={row => hrefFor({ ...place, item: row.item.id })}
            onOpen={onRowOpen}
            onFocus={onRowFocus}
            onSelect={onRowSelect}
            onAction={onRowAction}
            renderItem={props.renderItem}
          />
        ) : loading === 'first' && !isFresh ? (
          <RowSkeletons />
        ) : (
          (renderEmpty?.(place) ?? <NothingHere place={place} onNavigate={to => go(to)} />)
        )}
      </section>
      {isWide || isCovered ? (
        <OpenPane
          place={place}
          row={openRow?.row}
          isWide={isWide}
          banner={isCovered ? banner : null}
          headingRef={heading}
          onClose={navigation.close}
          onStep={navigation.move}
          onSender={id => go({ view: 'ALL', sender: id })}
          onAction={(row, action) => apply([row], action)}
          receiptsHref={props.receiptsHref}
          replyRequest={replyRequest.item === place.item ? replyRequest.count : 0}
        />
      ) : null}
      {snoozing ? (
        <SnoozeDialog
          onClose={() => setSnoozing(undefined)}
          onChoose={until => {
            const subject = rows.filter(row => row.ids.some(id => snoozing.includes(id)))
            setSnoozing(undefined)
            if (view !== 'ALL' && view !== 'SNOOZED') leave(subject)
            marks.snooze(snoozing, until)
            selection.clear()
          }}
        />
      ) : null}
      {isHelpOpen ? <KeysHelp onClose={() => setHelpOpen(false)} /> : null}
      {isNaming ? (
        <SearchNameDialog
          title={savedHere ? labels.renameSearch : labels.saveSearch}
          name={savedHere?.name ?? words ?? nameOf(sender) ?? after ?? before ?? ''}
          onClose={() => setNaming(false)}
          onSave={name => {
            saved.save(name, place)
            setNaming(false)
          }}
        />
      ) : null}
    </div>
  )
}
