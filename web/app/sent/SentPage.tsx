// What somebody has sent: `?view=planned`, `?q=`, `?read=waiting`, `?item=<id>`. A list, and beside it the message.

import { Button, EmptyState, SearchIcon, SendIcon, Skeleton, usePatience } from '@tidings/react'
import { useCallback, useMemo } from 'react'
import {
  PlannedListDocument,
  SentListDocument,
  type PlannedListQuery,
  type SentFieldsFragment,
  type SentListQuery,
} from '../generated/documents'
import { Failure } from '../lib/Failure'
import { useHappened } from '../lib/happened'
import { Link } from '../lib/Link'
import { usePages, type Pages } from '../lib/query'
import { href, useRoute } from '../lib/router'
import { SearchField } from '../lib/SearchField'
import { useSettled } from '../lib/settled'
import { StateLinks, useStateOf } from '../lib/StateLinks'
import { useTexts } from '../texts'
import { useLiveRates } from './live'
import { SentDetail } from './SentDetail'
import { SentRow } from './SentRow'
import './sent.css'

type View = 'sent' | 'planned'

export default function SentPage() {
  const { query } = useRoute()
  const view: View = query.get('view') === 'planned' ? 'planned' : 'sent'
  const item = query.get('item')
  const { sent } = useTexts()
  return (
    <div className="app-split" data-shows={item ? 'item' : 'list'}>
      <section className="app-split-list" aria-label={sent.title}>
        <ListHead view={view} />
        {view === 'sent' ? (
          <SentList search={query.get('q') ?? ''} item={item} />
        ) : (
          <PlannedList item={item} />
        )}
      </section>
      <section className="app-split-item" aria-label={sent.list}>
        {item ? (
          <SentDetail key={item} id={item} />
        ) : (
          <EmptyState title={sent.choose} picture={<SendIcon size="large" />}>
            {sent.chooseText}
          </EmptyState>
        )}
      </section>
    </div>
  )
}

function ListHead({ view }: { view: View }) {
  const { sent } = useTexts()
  return (
    <header className="app-list-head">
      <h1 className="tidings-hidden">{sent.title}</h1>
      <nav className="app-views" aria-label={sent.title}>
        <Link href={href('sent')} aria-current={view === 'sent' || undefined}>
          {sent.views.sent}
        </Link>
        <Link
          href={href('sent', { view: 'planned' })}
          aria-current={view === 'planned' || undefined}
        >
          {sent.views.planned}
        </Link>
      </nav>
      {view === 'sent' && (
        <>
          <SearchField placeholder={sent.search} />
          <StateLinks label={sent.reading} name="read" states={sent.readings} />
        </>
      )}
    </header>
  )
}

const PAGE = 30
const ofSent = (result: SentListQuery) => result.sentMessages
const ofPlanned = (result: PlannedListQuery) => result.plannedMessages

function SentList({ search, item }: { search: string; item: string | null }) {
  const { sent } = useTexts()
  const settled = useSettled(search)
  const reading = useStateOf('read', sent.readings)
  const variables = useMemo(() => {
    const isReadByAll = reading === 'all' ? null : reading === 'read'
    const isFiltered = settled !== '' || isReadByAll !== null
    return { first: PAGE, filter: isFiltered ? { search: settled || null, isReadByAll } : null }
  }, [settled, reading])
  const pages = usePages(SentListDocument, variables, ofSent)
  useHappened('messages', pages.reload)
  const { change } = pages
  const list = useLiveRates(
    pages.nodes,
    useCallback(
      stats =>
        change(nodes =>
          nodes.map(node =>
            node.readStats?.id === stats.id ? { ...node, readStats: stats } : node,
          ),
        ),
      [change],
    ),
  )
  // A message that is planned stands where it was written; it has its own list.
  const shown = pages.nodes.filter(({ sendAt }) => sendAt === null)
  return (
    <Rows
      listRef={list}
      pages={pages}
      nodes={shown}
      item={item}
      query={{ q: search || null, read: reading === 'all' ? null : reading }}
      empty={
        settled ? (
          <EmptyState title={sent.emptySearch(settled)} picture={<SearchIcon size="large" />} />
        ) : reading !== 'all' ? (
          <EmptyState title={sent.emptyReading[reading]} picture={<SendIcon size="large" />} />
        ) : (
          <EmptyState title={sent.empty} picture={<SendIcon size="large" />}>
            {sent.emptyText}
          </EmptyState>
        )
      }
    />
  )
}

function PlannedList({ item }: { item: string | null }) {
  const { sent } = useTexts()
  const pages = usePages(PlannedListDocument, ALL, ofPlanned)
  useHappened('messages', pages.reload)
  return (
    <Rows
      pages={pages}
      nodes={pages.nodes}
      item={item}
      query={{ view: 'planned' }}
      empty={
        <EmptyState title={sent.emptyPlanned} picture={<SendIcon size="large" />}>
          {sent.emptyPlannedText}
        </EmptyState>
      }
    />
  )
}

const ALL = { first: PAGE }

interface RowsProps {
  listRef?: React.Ref<HTMLUListElement>
  pages: Pages<SentFieldsFragment>
  nodes: readonly SentFieldsFragment[]
  item: string | null
  /** What stays in the address when a row is opened. */
  query: Record<string, string | null>
  empty: React.ReactNode
}

function Rows({ listRef, pages, nodes, item, query, empty }: RowsProps) {
  const { common, sent } = useTexts()
  const isSlow = usePatience(pages.isFirst && nodes.length === 0)
  if (pages.error && nodes.length === 0) {
    return <Failure error={pages.error} onRetry={pages.reload} />
  }
  if (pages.isFirst && nodes.length === 0) return isSlow ? <Skeleton lines={8} /> : null
  if (nodes.length === 0 && !pages.hasMore) return empty
  return (
    <>
      <ul ref={listRef} className="app-rows" aria-label={sent.list}>
        {nodes.map(message => (
          <SentRow
            key={message.id}
            message={message}
            isCurrent={message.id === item}
            href={href('sent', { ...query, item: message.id })}
          />
        ))}
      </ul>
      {pages.hasMore && (
        <div className="app-rows-more">
          <Button onClick={pages.loadMore} disabled={pages.isLoading}>
            {common.more}
          </Button>
        </div>
      )}
    </>
  )
}
