// One sent message: how far it has been read, by whom, and what can still be changed.

import {
  BackIcon,
  Banner,
  Button,
  ClockIcon,
  EmptyState,
  Markdown,
  Skeleton,
  useDates,
  useNow,
  usePatience,
} from '@tidings/react'
import type { TidingsError } from '@tidings/client'
import { useEffect, useState } from 'react'
import {
  CancelPlannedDocument,
  ChangeMessageDocument,
  SentMessageDocument,
  type SentMessageQuery,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { Confirm } from '../lib/Confirm'
import { Failure } from '../lib/Failure'
import { tell, useHappened } from '../lib/happened'
import { useNotices } from '../lib/notices'
import { useQuery } from '../lib/query'
import { changeQuery, href, navigate } from '../lib/router'
import { useTexts } from '../texts'
import { ChangeDialog } from './ChangeDialog'
import { useLiveStats } from './live'
import { Recipients } from './Recipients'
import { Replies } from './Replies'
import { Rate as RateOf } from '../lib/RateBar'
import { Problem } from '../lib/Problem'
import { namesOf } from './SentRow'
import { StatsHead } from './StatsHead'
import { Timeline } from './Timeline'

export type SentMessage = NonNullable<SentMessageQuery['message']>

export function SentDetail({ id }: { id: string }) {
  const { sent } = useTexts()
  const { data, error, isLoading, reload } = useQuery(SentMessageDocument, { id })
  useHappened('messages', reload)
  const isSlow = usePatience(isLoading && !data)
  if (!data) {
    if (error) return <Failure error={error} onRetry={reload} />
    return isSlow ? <Skeleton lines={6} /> : null
  }
  if (!data.message) return <EmptyState title={sent.gone} />
  return data.message.sendAt === null ? (
    <Sent message={data.message} reload={reload} />
  ) : (
    <Planned message={data.message} sendAt={data.message.sendAt} />
  )
}

function Head({ message }: { message: SentMessage }) {
  const texts = useTexts()
  const { common, sent } = texts
  const dates = useDates()
  const { viewer } = useApp().me ?? {}
  const { sender, createdAt, sendAt } = message
  const isOwn = sender?.id === viewer?.id
  return (
    <header className="app-item-head">
      <Button
        kind="quiet"
        className="tidings-button app-item-back"
        icon={<BackIcon />}
        onClick={() => changeQuery({ item: null })}
      >
        {common.back}
      </Button>
      <h2 dir="auto">{message.subject}</h2>
      <p>
        {!isOwn && `${sender?.name ?? common.system} · `}
        <span title={message.sentTo.map(({ name }) => name).join(', ')}>
          {sent.to(namesOf(message.sentTo, texts))}
        </span>
        {sendAt === null && (
          <>
            {' · '}
            <time dateTime={createdAt} title={dates.full(createdAt)}>
              {dates.near(createdAt)}
            </time>
          </>
        )}
      </p>
    </header>
  )
}

function Sent({ message, reload }: { message: SentMessage; reload: () => void }) {
  const { sent, compose } = useTexts()
  const { me } = useApp()
  const dates = useDates()
  const now = useNow()
  const [changes, setChanges] = useState<'expiry' | 'reminder'>()
  const stats = useLiveStats(message.id, message.readStats)
  const { expiresAt, reminder } = message
  // The numbers of each address are part of the message, which is asked for again when they change.
  const hasParts = message.sentTo.length > 1
  const { readCount, seenCount } = stats ?? {}
  const isBehind =
    hasParts &&
    (readCount !== message.readStats?.readCount || seenCount !== message.readStats?.seenCount)
  useEffect(() => {
    if (isBehind) reload()
  }, [isBehind, readCount, seenCount, reload])

  const isHidden = me?.server.readingDetails === 'COUNTS' && me.role !== 'ADMIN'
  const hasExpired = expiresAt !== null && Date.parse(expiresAt) <= now
  return (
    <article className="app-item">
      <Head message={message} />
      {stats && <StatsHead stats={stats} />}
      {stats && <Timeline id={message.id} sentAt={message.createdAt} stats={stats} />}
      <dl className="app-facts">
        <div>
          <dt>{sent.expiry}</dt>
          <dd>
            {expiresAt === null
              ? compose.never
              : hasExpired
                ? `${sent.expired}, ${dates.near(expiresAt)}`
                : dates.near(expiresAt)}
            {!hasExpired && (
              <Button
                kind="quiet"
                onClick={() => setChanges('expiry')}
                aria-label={sent.changeExpiry}
              >
                {sent.change}
              </Button>
            )}
          </dd>
        </div>
        <div>
          <dt>{sent.reminder}</dt>
          <dd>
            {reminder ? <ReminderFacts reminder={reminder} /> : sent.noReminder}
            {!hasExpired && (
              <Button
                kind="quiet"
                onClick={() => setChanges('reminder')}
                aria-label={sent.changeReminder}
              >
                {sent.change}
              </Button>
            )}
          </dd>
        </div>
      </dl>
      {hasParts && <ByAddress message={message} />}
      {isHidden ? (
        <Banner>{sent.countsOnly}</Banner>
      ) : (
        stats && <Recipients message={message} stats={stats} />
      )}
      <details className="app-item-body" open>
        <summary>{sent.body}</summary>
        <Markdown text={message.body} />
      </details>
      <Replies id={message.id} />
      {changes && (
        <ChangeDialog message={message} what={changes} onClose={() => setChanges(undefined)} />
      )}
    </article>
  )
}

function ReminderFacts({ reminder }: { reminder: NonNullable<SentMessage['reminder']> }) {
  const { sent, compose } = useTexts()
  const dates = useDates()
  const { frequency, until, nextAt, respondBy, deactivatesNonRepliers } = reminder
  const what = compose.frequencies[frequency] ?? frequency
  const end = until === 'READ' ? compose.untilRead : compose.untilReplied
  return (
    <span>
      {`${what} ${compose.until} ${end}; `}
      {nextAt === null ? sent.reminderEnded : sent.nextReminder(dates.near(nextAt))}
      {respondBy !== null && `; ${sent.respondBy(dates.near(respondBy))}`}
      {deactivatesNonRepliers && (
        <>
          {' '}
          <span className="tidings-chip" data-kind="danger">
            {sent.deactivates}
          </span>
        </>
      )}
    </span>
  )
}

function ByAddress({ message }: { message: SentMessage }) {
  const { sent } = useTexts()
  return (
    <section className="app-addresses">
      <h3>{sent.byAddress}</h3>
      <ul>
        {message.sentTo.map(({ id, name, readStats }) => (
          <li key={id}>
            <span>{name}</span>
            {readStats && <RateOf stats={readStats} />}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Planned({ message, sendAt }: { message: SentMessage; sendAt: string }) {
  const { sent, compose } = useTexts()
  const { tidings } = useApp()
  const dates = useDates()
  const notices = useNotices()
  const [isAsking, setAsking] = useState(false)
  const [error, setError] = useState<TidingsError>()

  const run = (what: () => Promise<unknown>, title: string, address: string) =>
    what().then(
      () => {
        navigate(address)
        tell('messages')
        notices.show({ id: 'planned', title })
      },
      (failure: TidingsError) => setError(failure),
    )
  const cancel = () =>
    run(
      () => tidings.request(CancelPlannedDocument, { input: { messageId: message.id } }),
      sent.cancelled,
      href('sent', { view: 'planned' }),
    )
  const sendNow = () =>
    run(
      () =>
        tidings.request(ChangeMessageDocument, {
          input: { messageId: message.id, sendAt: new Date().toISOString() },
        }),
      compose.sent,
      href('sent', { item: message.id }),
    )
  return (
    <article className="app-item">
      <Head message={message} />
      {error && <Problem error={error} />}
      <div className="app-planned">
        <ClockIcon size="large" />
        <div>
          <h3>{sent.goesOut(dates.near(sendAt))}</h3>
          <p>{sent.plannedTitle}</p>
        </div>
        <div className="app-planned-actions">
          <Button kind="main" onClick={() => changeQuery({ compose: message.id })}>
            {sent.edit}
          </Button>
          <Button onClick={() => void sendNow()}>{sent.sendNow}</Button>
          <Button kind="quiet" onClick={() => setAsking(true)}>
            {sent.cancel}
          </Button>
        </div>
      </div>
      <Markdown text={message.body} />
      {isAsking && (
        <Confirm
          title={sent.cancelTitle}
          text={sent.cancelText}
          action={sent.cancel}
          keep={sent.keep}
          onConfirm={() => void cancel()}
          onClose={() => setAsking(false)}
        />
      )}
    </article>
  )
}
