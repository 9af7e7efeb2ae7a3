// What everybody was told, and will be: `?q=`, `?state=planned`.

import {
  Button,
  EmptyState,
  Markdown,
  MegaphoneIcon,
  PlusIcon,
  Skeleton,
  useDates,
  usePatience,
  useReason,
} from '@tidings/react'
import type { TidingsError } from '@tidings/client'
import { useCallback, useMemo, useState } from 'react'
import {
  AnnouncementsDocument,
  RetractDocument,
  type AnnouncementFieldsFragment,
  type AnnouncementsQuery,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { Confirm } from '../lib/Confirm'
import { Failure } from '../lib/Failure'
import { tell, useHappened } from '../lib/happened'
import { useNotices } from '../lib/notices'
import { usePages } from '../lib/query'
import { Rate } from '../lib/RateBar'
import { useRoute } from '../lib/router'
import { SearchField } from '../lib/SearchField'
import { useSettled } from '../lib/settled'
import { StateLinks, useStateOf } from '../lib/StateLinks'
import { useLiveRates } from '../sent/live'
import { useTexts } from '../texts'
import { AnnouncementDialog } from './AnnouncementDialog'

const PAGE = 20
const STATES = { all: null, planned: 'SCHEDULED', live: 'LIVE', ended: 'ENDED' } as const
const announcementsOf = (result: AnnouncementsQuery) => result.announcements

export function Announcements() {
  const { admin, common } = useTexts()
  const { announcements } = admin
  const search = useSettled(useRoute().query.get('q') ?? '')
  const which = useStateOf('state', announcements.filters)
  const variables = useMemo(
    () => ({ first: PAGE, search: search || null, state: STATES[which] }),
    [search, which],
  )
  const pages = usePages(AnnouncementsDocument, variables, announcementsOf)
  const [edited, setEdited] = useState<AnnouncementFieldsFragment | 'new'>()
  useHappened('announcements', pages.reload)
  const { change } = pages
  const list = useLiveRates(
    pages.nodes.map(node => ({
      id: node.id,
      // Those that nobody has received, or has any more, do not change.
      sendAt: stateOf(node) === 'published' ? null : node.publishedAt,
      readStats: node.readStats,
    })),
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
  const isSlow = usePatience(pages.isFirst)
  return (
    <div className="app-page">
      <header className="app-page-head">
        <p>{announcements.emptyText}</p>
        <Button kind="main" icon={<PlusIcon />} onClick={() => setEdited('new')}>
          {announcements.new}
        </Button>
      </header>
      <div className="app-page-filters">
        <SearchField placeholder={announcements.search} />
        <StateLinks label={announcements.which} name="state" states={announcements.filters} />
      </div>
      {pages.error ? (
        <Failure error={pages.error} onRetry={pages.reload} />
      ) : pages.isFirst && pages.nodes.length === 0 ? (
        isSlow && <Skeleton lines={6} />
      ) : pages.nodes.length === 0 ? (
        <EmptyState
          title={search || which !== 'all' ? announcements.emptyFilter : announcements.empty}
          picture={<MegaphoneIcon size="large" />}
        />
      ) : (
        <ul ref={list} className="app-cards" aria-label={admin.tabs.announcements}>
          {pages.nodes.map(announcement => (
            <Card
              key={announcement.id}
              announcement={announcement}
              onEdit={() => setEdited(announcement)}
            />
          ))}
        </ul>
      )}
      {pages.hasMore && (
        <div className="app-rows-more">
          <Button onClick={pages.loadMore} disabled={pages.isLoading}>
            {common.more}
          </Button>
        </div>
      )}
      {edited && (
        <AnnouncementDialog
          announcement={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </div>
  )
}

type State = 'planned' | 'published' | 'retracted' | 'expired'

function stateOf({ publishedAt, retractedAt, expiresAt }: AnnouncementFieldsFragment): State {
  if (retractedAt !== null) return 'retracted'
  if (Date.parse(publishedAt) > Date.now()) return 'planned'
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'published'
}

interface CardProps {
  announcement: AnnouncementFieldsFragment
  onEdit(): void
}

function Card({ announcement, onEdit }: CardProps) {
  const { admin, common, sent } = useTexts()
  const { announcements } = admin
  const { tidings } = useApp()
  const notices = useNotices()
  const reasonOf = useReason()
  const dates = useDates()
  const [isAsking, setAsking] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const { id, title, body, author, publishedAt, retractedAt, expiresAt, readStats } = announcement
  const state = stateOf(announcement)
  const moment = {
    planned: publishedAt,
    published: publishedAt,
    retracted: retractedAt,
    expired: expiresAt,
  }[state]
  const isOver = state === 'retracted' || state === 'expired'
  const retract = () =>
    tidings.request(RetractDocument, { input: { announcementId: id } }).then(
      () => {
        tell('announcements')
        notices.show({ id: 'announcement', title: announcements.retracted })
      },
      (failure: TidingsError) => setError(failure),
    )
  return (
    <li data-id={announcement.id} className="app-card" data-is-over={isOver || undefined}>
      <header>
        <div>
          <h2 dir="auto">{title}</h2>
          <small>
            {announcements.states[state](dates.near(moment ?? publishedAt))}
            {' · '}
            {author ? announcements.by(author.name) : announcements.byHost}
            {state === 'published' &&
              expiresAt !== null &&
              ` · ${sent.expiresAt(dates.near(expiresAt))}`}
          </small>
        </div>
        {!isOver && (
          <div className="app-card-actions">
            <Button kind="quiet" onClick={onEdit} aria-label={`${announcements.edit}: ${title}`}>
              {announcements.change}
            </Button>
            <Button
              kind="quiet"
              onClick={() => setAsking(true)}
              aria-label={`${announcements.retract}: ${title}`}
            >
              {announcements.retract}
            </Button>
          </div>
        )}
      </header>
      <div className="app-card-text">
        <Markdown text={body} isPlain />
      </div>
      {readStats && state !== 'planned' && (
        <div className="app-card-line">
          <Rate stats={readStats} />
        </div>
      )}
      {error && (
        <p className="app-error" role="alert">
          {reasonOf(error)} {error.requestId && common.request(error.requestId)}
        </p>
      )}
      {isAsking && (
        <Confirm
          title={announcements.retractTitle}
          text={announcements.retractText}
          action={announcements.retract}
          onConfirm={() => void retract()}
          onClose={() => setAsking(false)}
        />
      )}
    </li>
  )
}
