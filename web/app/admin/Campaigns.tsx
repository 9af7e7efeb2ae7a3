// Messages that remind people until they have replied: everybody's for an admin, one's own for
// others. `?strict=1` shows only those that deactivate people who do not reply.

import { Button, ClockIcon, EmptyState, Skeleton, useDates, usePatience } from '@tidings/react'
import { useMemo } from 'react'
import {
  CampaignPageDocument,
  type CampaignPageQuery,
  type StatsFieldsFragment,
} from '../generated/documents'
import { Failure } from '../lib/Failure'
import { useHappened } from '../lib/happened'
import { Link } from '../lib/Link'
import { usePages } from '../lib/query'
import { Rate } from '../lib/RateBar'
import { changeQuery, href, useRoute } from '../lib/router'
import { useLiveRates } from '../sent/live'
import { useTexts } from '../texts'

const PAGE = 30

const campaignsOf = (result: CampaignPageQuery) => result.campaigns
type Campaign = NonNullable<CampaignPageQuery['campaigns']>['nodes'][number]

export function Campaigns() {
  const { query } = useRoute()
  const { admin, common } = useTexts()
  const { campaigns } = admin
  const isStrict = query.has('strict')
  const variables = useMemo(
    () => ({ first: PAGE, filter: { deactivatesNonRepliers: isStrict || null } }),
    [isStrict],
  )
  const pages = usePages(CampaignPageDocument, variables, campaignsOf)
  useHappened('messages', pages.reload)
  const { nodes, change } = pages
  const list = useLiveRates(nodes, (stats: StatsFieldsFragment) =>
    change(nodes =>
      nodes.map(node => (node.readStats?.id === stats.id ? { ...node, readStats: stats } : node)),
    ),
  )
  const isSlow = usePatience(pages.isFirst)
  return (
    <div className="app-page">
      <header className="app-page-head">
        <p>{campaigns.intro}</p>
        <label className="app-check app-campaign-strict">
          <input
            type="checkbox"
            className="tidings-switch"
            checked={isStrict}
            onChange={({ target }) => changeQuery({ strict: target.checked ? '1' : null })}
          />
          <span>{campaigns.strict}</span>
        </label>
      </header>
      {pages.error ? (
        <Failure error={pages.error} onRetry={pages.reload} />
      ) : nodes.length > 0 ? (
        <ul ref={list} className="app-cards" aria-label={admin.tabs.campaigns}>
          {nodes.map(campaign => (
            <Card key={campaign.id} campaign={campaign} />
          ))}
        </ul>
      ) : pages.isFirst ? (
        isSlow && <Skeleton lines={4} />
      ) : (
        <EmptyState title={campaigns.empty} picture={<ClockIcon size="large" />}>
          {campaigns.emptyText}
        </EmptyState>
      )}
      {pages.hasMore && (
        <div className="app-rows-more">
          <Button onClick={pages.loadMore} disabled={pages.isLoading}>
            {common.more}
          </Button>
        </div>
      )}
    </div>
  )
}

function Card({ campaign }: { campaign: Campaign }) {
  const { admin, sent, common, compose } = useTexts()
  const { campaigns } = admin
  const dates = useDates()
  const { id, subject, sender, createdAt, readStats, reminder, repliedCount } = campaign
  if (!reminder) return null
  const isRunning = reminder.nextAt !== null || isFuture(reminder.respondBy)
  return (
    <li data-id={id} className="app-card" data-is-over={!isRunning || undefined}>
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
            readStats &&
              repliedCount !== null &&
              campaigns.replied(repliedCount, readStats.recipientCount),
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
