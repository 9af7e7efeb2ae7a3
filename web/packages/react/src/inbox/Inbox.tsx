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
import { CaughtUpPicture } from '../base/Pictures'
import { useTidingsContext } from '../context'
import { useConnection, useInbox, useItem } from '../hooks'
import { useLabels } from '../labels/context'
import { KeysHelp, Preferences, SearchNameDialog, SnoozeDialog, prepareLater } from '../later'
import { prepareMarkdown } from '../markdown/Markdown'
import { ItemPane } from '../panes/ItemPane'
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
import { useFound } from './useFound'
import { type Command, useKeys } from './useKeys'
import { useMarks } from './useMarks'
import { sendersOf } from './usePeople'
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
/** After this long in sight, the items of the list count as seen. */
const SEEN_MS = 1500

export function Inbox(props: InboxProps) {
  const { hrefFor = queryOf, onItemClick, renderEmpty } = props
  const labels = useLabels()
  const { singleKeys, watch } = useTidingsContext()
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
  const [activeKey, setActiveKey] = useState<string>()
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const rangeStart = useRef<string | undefined>(undefined)
  const [snoozing, setSnoozing] = useState<readonly string[]>()
  const [isHelpOpen, setHelpOpen] = useState(false)
  const [isNaming, setNaming] = useState(false)
  const saved = useSearches()
  const [replyRequest, setReplyRequest] = useState({ item: '', count: 0 })

  const plainRows = useMemo(() => rowsOf(items), [items])
  const openRow = useOpenRow(plainRows, place.item)
  const rows = useMemo(
    () => withOpenRow(plainRows, openRow?.row, openRow?.index ?? 0),
    [plainRows, openRow],
  )
  const openKey = openRow?.row.key

  useEffect(() => {
    prepareMarkdown()
    prepareLater()
  }, [])
  // A selection is of this list.
  const filterKey = JSON.stringify(filter)
  const [selectedIn, setSelectedIn] = useState(filterKey)
  if (selectedIn !== filterKey) {
    setSelectedIn(filterKey)
    setSelected(new Set())
    setActiveKey(undefined)
  }
  useSeeing(items, view === 'ACTIVE' && !isSearch(place), filter)
  useEffect(() => {
    const isHere = (item: InboxItem) =>
      view === 'ACTIVE' &&
      !words &&
      !before &&
      (!kind || kind === item.kind) &&
      (!category || category === item.category) &&
      (!sender || sendersOf([item])[0]?.id === sender) &&
      (isWide || !place.item) &&
      listHandle.current?.isAtTop() === true
    return watch(isHere)
  }, [watch, view, words, kind, category, sender, before, isWide, place.item])

  const rowOf = useCallback((key: string | undefined) => rows.find(row => row.key === key), [rows])
  const openItem = useCallback(
    (row: Row, byKeyboard: boolean, replace = false) => {
      setActiveKey(row.key)
      if (onItemClick?.(row.item) === true) return
      go({ ...place, item: row.item.id, preferences: undefined }, replace)
      if (byKeyboard || !isWide) requestAnimationFrame(() => heading.current?.focus())
    },
    [go, place, onItemClick, isWide],
  )
  const close = useCallback(() => {
    go({ ...place, item: undefined })
    const key = openKey ?? activeKey
    if (key) requestAnimationFrame(() => listHandle.current?.focusRow(key))
  }, [go, place, openKey, activeKey])

  const move = (step: 1 | -1, isRange: boolean) => {
    const now = rows.findIndex(row => row.key === (place.item ? openKey : activeKey))
    // Nothing has been looked at yet: the first one, whichever way.
    const index = now < 0 ? 0 : now + step
    const next = rows[index]
    if (!next) return
    if (isRange) {
      rangeStart.current ??= rows[Math.max(now, 0)]?.key
      selectRange(next)
    }
    setActiveKey(next.key)
    if (place.item && !isRange) openItem(next, !isWide, true)
    if (isWide || !place.item) listHandle.current?.focusRow(next.key)
  }
  const selectRange = (to: Row) => {
    const from = rows.findIndex(row => row.key === (rangeStart.current ?? activeKey))
    const end = rows.indexOf(to)
    const [first, last] = from < end ? [Math.max(from, 0), end] : [end, from]
    setSelected(new Set(rows.slice(first, last + 1).map(row => row.key)))
  }
  const select = (row: Row, isRange: boolean) => {
    if (isRange) return selectRange(row)
    rangeStart.current = row.key
    setSelected(before => {
      const after = new Set(before)
      if (!after.delete(row.key)) after.add(row.key)
      return after
    })
  }

  /** What a command is about: the selection, else what is open, else the row with the focus. */
  const subjects = (): Row[] => {
    if (selected.size > 0) return rows.filter(row => selected.has(row.key))
    const row = rowOf(place.item ? (openKey ?? activeKey) : activeKey)
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
    setSelected(new Set())
  }

  /** The rows will be gone: the focus goes to the next one, and what is open to it, too. */
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
    if (next) requestAnimationFrame(() => listHandle.current?.focusRow(next.key))
  }

  const onCommand = (command: Command): boolean => {
    const subject = subjects()
    const first = subject[0]
    const { about } = first?.item ?? {}
    switch (command) {
      case 'next':
      case 'previous':
        move(command === 'next' ? 1 : -1, false)
        return true
      case 'rangeNext':
      case 'rangePrevious':
        move(command === 'rangeNext' ? 1 : -1, true)
        return true
      case 'select': {
        const row = rowOf(activeKey) ?? rows[0]
        if (row) select(row, false)
        return row !== undefined
      }
      case 'open': {
        const row = rowOf(activeKey) ?? rows[0]
        if (row) openItem(row, true)
        return row !== undefined
      }
      case 'back':
        if (selected.size > 0) setSelected(new Set())
        else if (place.item || place.preferences) close()
        else return false
        return true
      case 'archive':
        apply(subject, first?.item.archivedAt ? 'unarchive' : 'archive')
        return true
      case 'snooze':
        apply(subject, 'snooze')
        return true
      case 'read':
      case 'unread':
        apply(subject, command)
        return true
      case 'reply':
        if (about?.__typename !== 'Message' || !first) return false
        if (!place.item) openItem(first, false)
        setReplyRequest(({ count }) => ({ item: place.item ?? first.item.id, count: count + 1 }))
        return true
      case 'mute': {
        if (about?.__typename !== 'Message') return false
        const isMuted = first?.item.thread?.isMuted
        if (isMuted) marks.unmute(about.root.id)
        else marks.mute(about.root.id)
        return true
      }
      case 'search':
        search.current?.focus()
        search.current?.select()
        return true
      case 'undo':
        marks.undoLast()
        return true
      case 'help':
        setHelpOpen(true)
        return true
      case 'compose':
        props.onCompose?.()
        return props.onCompose !== undefined
      case 'goInbox':
        go({ view: 'ACTIVE' })
        props.onGo?.('inbox')
        return true
      case 'goSent':
      case 'goDashboard':
        props.onGo?.(command === 'goSent' ? 'sent' : 'dashboard')
        return props.onGo !== undefined
    }
  }
  useFound(root, words)
  useKeys({ within: root, isPage: props.isPage ?? false, singleKeys, onCommand })

  // Stable for the rows, which are many.
  const latest = useRef({ apply, openItem, select })
  useLayoutEffect(() => {
    latest.current = { apply, openItem, select }
  })
  const onRowAction = useCallback(
    (row: Row, action: RowAction) => latest.current.apply([row], action),
    [],
  )
  const onRowOpen = useCallback(
    (row: Row, byKeyboard: boolean) => latest.current.openItem(row, byKeyboard),
    [],
  )
  const onRowSelect = useCallback(
    (row: Row, isRange: boolean) => latest.current.select(row, isRange),
    [],
  )
  const onRowFocus = useCallback((row: Row) => {
    setActiveKey(row.key)
  }, [])

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
          selectedCount={selected.size}
          subjects={subjects}
          onAction={apply}
          onClearSelection={() => setSelected(new Set())}
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
            selected={selected}
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
        <section className="tidings-pane" part="pane" aria-label={labels.pane}>
          {isCovered ? banner : null}
          {place.preferences ? (
            <Preferences onClose={close} />
          ) : place.item ? (
            <ItemPane
              itemId={place.item}
              row={openRow?.row}
              onBack={isWide ? undefined : close}
              onStep={step => move(step, false)}
              onSender={id => go({ view: 'ALL', sender: id })}
              onAction={(row, action) => apply([row], action)}
              receiptsHref={props.receiptsHref}
              replyRequest={replyRequest.item === place.item ? replyRequest.count : 0}
              headingRef={heading}
            />
          ) : (
            <EmptyState title={labels.nothingOpen} picture={<CaughtUpPicture />}>
              {labels.nothingOpenHint}
            </EmptyState>
          )}
        </section>
      ) : null}
      {snoozing ? (
        <SnoozeDialog
          onClose={() => setSnoozing(undefined)}
          onChoose={until => {
            const subject = rows.filter(row => row.ids.some(id => snoozing.includes(id)))
            setSnoozing(undefined)
            if (view !== 'ALL' && view !== 'SNOOZED') leave(subject)
            marks.snooze(snoozing, until)
            setSelected(new Set())
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

/** The row that is open, and where it stood when the list last had it. */
function useOpenRow(rows: readonly Row[], itemId: string | undefined) {
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

/** What is shown in the inbox has been seen. */
function useSeeing(items: readonly InboxItem[], isInbox: boolean, filter: ListFilter) {
  const marks = useMarks()
  const unseen = isInbox ? items.filter(item => !item.seenAt).length : 0
  const [isVisible, setVisible] = useState(() => document.visibilityState === 'visible')
  useEffect(() => {
    const listener = () => setVisible(document.visibilityState === 'visible')
    document.addEventListener('visibilitychange', listener)
    return () => document.removeEventListener('visibilitychange', listener)
  }, [])
  useEffect(() => {
    if (unseen === 0 || !isVisible) return
    const timer = setTimeout(() => marks.seeAll(filter), SEEN_MS)
    return () => clearTimeout(timer)
  }, [unseen, isVisible, marks, filter])
}
