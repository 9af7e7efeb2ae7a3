// Messages that remind, and those that deactivate who does not reply. The API has no list of them,
// so they are looked for among the rows of the report, a few hundred at a time.

import { Button, ClockIcon, EmptyState, Skeleton, useDates, usePatience } from '@tidings/react'
import { useEffect, useMemo, useState } from 'react'
import { CampaignPageDocument, type CampaignPageQuery } from '../generated/documents'
import { useHappened } from '../lib/happened'
import { Failure } from '../lib/Failure'
import { Link } from '../lib/Link'
import { usePages } from '../lib/query'
import { Rate } from '../lib/RateBar'
import { href } from '../lib/router'
import { useTexts } from '../texts'

const PAGE = { first: 100 }
/** How many rows are searched before somebody asks for more. */
const SEARCHED = 500

const rowsOf = (result: CampaignPageQuery) => result.readReport
type Campaign = NonNullable<CampaignPageQuery['readReport']>['nodes'][number]['message']

export function Campaigns() {
  const { admin, common } = useTexts()
  const { campaigns } = admin
  const pages = usePages(CampaignPageDocument, PAGE, rowsOf)
  const [isAll, setAll] = useState(false)
  const [limit, setLimit] = useState(SEARCHED)
  useHappened('messages', pages.reload)
  const { nodes, hasMore, isLoading, loadMore, error } = pages
  useEffect(() => {
    if (hasMore && !isLoading && !error && nodes.length < limit) loadMore()
  }, [hasMore, isLoading, error, nodes.length, limit, loadMore])

  const found = useMemo(() => {
    // A message with several addresses has several rows.
    const byId = new Map<string, Campaign>()
    for (const { message } of nodes) {
      if (message.reminder && (isAll || message.reminder.deactivatesNonRepliers)) {
        byId.set(message.id, message)
      }
    }
    return [...byId.values()]
  }, [nodes, isAll])
  const isSearching = pages.isFirst || (hasMore && nodes.length < limit && !error)
  const isSlow = usePatience(isSearching && found.length === 0)
  return (
    <div className="app-page">
      <header className="app-page-head">
        <p>{campaigns.intro}</p>
        <label className="app-check app-campaign-all">
          <input
            type="checkbox"
            className="tidings-switch"
            checked={isAll}
            onChange={event => setAll(event.target.checked)}
          />
          <span>{campaigns.all}</span>
        </label>
      </header>
      {error && <Failure error={error} onRetry={pages.reload} />}
      <ul className="app-cards" aria-label={admin.tabs.campaigns}>
        {found.map(message => (
          <Card key={message.id} message={message} />
        ))}
      </ul>
      {found.length === 0 &&
        !error &&
        (isSearching ? (
          isSlow && <Skeleton lines={4} />
        ) : (
          <EmptyState title={campaigns.empty} picture={<ClockIcon size="large" />}>
            {campaigns.emptyText}
          </EmptyState>
        ))}
      {hasMore && !isSearching && (
        <div className="app-rows-more">
          <p>{campaigns.searched(nodes.length)}</p>
          <Button onClick={() => setLimit(nodes.length + SEARCHED)}>{campaigns.searchMore}</Button>
        </div>
      )}
      <p className="tidings-hidden" role="status">
        {isSearching ? common.loading : ''}
      </p>
    </div>
  )
}

function Card({ message }: { message: Campaign }) {
  const { admin, sent, common, compose } = useTexts()
  const { campaigns } = admin
  const dates = useDates()
  const { id, subject, sender, createdAt, readStats, reminder } = message
  if (!reminder) return null
  const isRunning = reminder.nextAt !== null || isFuture(reminder.respondBy)
  return (
    <li className="app-card" data-is-over={!isRunning || undefined}>
      <header>
        <div>
          <h2 dir="auto">
            <Link href={href('sent', { item: id })}>{subject}</Link>
          </h2>
          <small>
            {`${sender?.name ?? common.system} · ${dates.near(createdAt)} · `}
            {compose.frequencies[reminder.frequency] ?? reminder.frequency}
          </small>
        </div>
        <span className="app-chips">
          {reminder.deactivatesNonRepliers && (
            <span className="tidings-chip" data-kind="danger">
              {sent.deactivates}
            </span>
          )}
          <span className="tidings-chip" data-kind={isRunning ? 'accent' : undefined}>
            {isRunning ? campaigns.running : campaigns.ended}
          </span>
        </span>
      </header>
      <div className="app-card-line">
        {readStats && <Rate stats={readStats} />}
        <small>
          {[
            campaigns.dates(reminder.sentCount),
            reminder.nextAt && sent.nextReminder(dates.near(reminder.nextAt)),
            reminder.respondBy && sent.respondBy(dates.near(reminder.respondBy)),
          ]
            .filter(Boolean)
            .join(' · ')}
        </small>
        <Link href={href('sent', { item: id, who: 'silent' })}>{campaigns.open}</Link>
      </div>
    </li>
  )
}

const isFuture = (moment: string | null) => moment !== null && Date.parse(moment) > Date.now()
