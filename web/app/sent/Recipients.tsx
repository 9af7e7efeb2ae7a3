// The recipients of a message, by whether they have read it or replied.

import { Avatar, Button, Skeleton, Tabs, useDates, useNow, usePatience } from '@tidings/react'
import { useEffect, useMemo, useRef, useState } from 'react'
import {
  RecipientsDocument,
  type RecipientFilter,
  type RecipientsQuery,
  type StatsFieldsFragment,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { csv, offerFile } from '../lib/csv'
import { Failure } from '../lib/Failure'
import { usePages } from '../lib/query'
import { changeQuery, useRoute } from '../lib/router'
import { useTexts } from '../texts'
import type { SentMessage } from './SentDetail'

type Choice = 'all' | 'read' | 'unread' | 'replied' | 'silent'

const FILTERS: Record<Choice, RecipientFilter | null> = {
  all: null,
  read: { hasRead: true },
  unread: { hasRead: false },
  replied: { hasReplied: true },
  silent: { hasReplied: false },
}
const PAGE = 25
const CSV_PAGE = 100

const recipientsOf = (result: RecipientsQuery) => result.message?.recipients
type Recipient = NonNullable<NonNullable<ReturnType<typeof recipientsOf>>>['nodes'][number]

interface RecipientsProps {
  message: SentMessage
  stats: StatsFieldsFragment
}

export function Recipients({ message, stats }: RecipientsProps) {
  const { sent, common } = useTexts()
  const asked = useRoute().query.get('who')
  const choice: Choice = asked !== null && asked in FILTERS ? (asked as Choice) : 'all'
  const setChoice = (choice: Choice) =>
    changeQuery({ who: choice === 'all' ? null : choice }, { replace: true })
  const variables = useMemo(
    () => ({ id: message.id, first: PAGE, filter: FILTERS[choice] }),
    [message.id, choice],
  )
  const pages = usePages(RecipientsDocument, variables, recipientsOf)
  // Somebody read it meanwhile.
  const shown = useRef(stats)
  const { reload } = pages
  useEffect(() => {
    const { readCount, seenCount } = shown.current
    if (stats.readCount === readCount && stats.seenCount === seenCount) return
    shown.current = stats
    reload()
  }, [stats, reload])

  const isSlow = usePatience(pages.isFirst && pages.nodes.length === 0)
  const tabs = (Object.keys(FILTERS) as Choice[]).map(key => ({ key, label: sent.filters[key] }))
  return (
    <section className="app-recipients">
      <header>
        <h3>{sent.who}</h3>
        <CsvButton message={message} />
      </header>
      <Tabs label={sent.filter} tabs={tabs} current={choice} onChange={setChoice}>
        {pages.error ? (
          <Failure error={pages.error} onRetry={pages.reload} />
        ) : pages.isFirst && pages.nodes.length === 0 ? (
          isSlow && <Skeleton lines={4} />
        ) : pages.nodes.length === 0 ? (
          <p className="app-recipients-none">{sent.emptyFilter[choice]}</p>
        ) : (
          <ul>
            {pages.nodes.map(recipient => (
              <RecipientRow key={recipient.id} recipient={recipient} />
            ))}
          </ul>
        )}
        {pages.hasMore && (
          <Button onClick={pages.loadMore} disabled={pages.isLoading}>
            {common.more}
          </Button>
        )}
      </Tabs>
    </section>
  )
}

function RecipientRow({ recipient }: { recipient: Recipient }) {
  const { sent } = useTexts()
  const dates = useDates()
  const now = useNow()
  const { user, via, reminderCount } = recipient
  const { state, at } = stateOf(recipient)
  const notes = [
    via?.__typename === 'Group' && sent.via(via.name),
    reminderCount > 0 && sent.reminded(reminderCount),
  ].filter(Boolean)
  return (
    <li>
      <Avatar name={user?.name ?? '?'} url={user?.avatarUrl ?? null} />
      <span className="app-recipient-name">
        <b>{user?.name}</b>
        {notes.length > 0 && <small>{notes.join(' · ')}</small>}
      </span>
      <span className="app-recipient-state" data-state={state}>
        {sent.states[state]}
        {at !== null && (
          <time dateTime={at} title={dates.full(at)}>
            {dates.age(at, now)}
          </time>
        )}
      </span>
    </li>
  )
}

/** The furthest that somebody has come. */
function stateOf({ repliedAt, readAt, seenAt }: Recipient) {
  if (repliedAt !== null) return { state: 'replied' as const, at: repliedAt }
  if (readAt !== null) return { state: 'read' as const, at: readAt }
  if (seenAt !== null) return { state: 'seen' as const, at: seenAt }
  return { state: 'none' as const, at: null }
}

/** All recipients as a file; the server has one only for the report. */
function CsvButton({ message }: { message: SentMessage }) {
  const { tidings } = useApp()
  const { sent, common } = useTexts()
  const [isLoading, setLoading] = useState(false)
  const [failure, setFailure] = useState<string>()
  const download = async () => {
    setLoading(true)
    setFailure(undefined)
    try {
      const rows: Recipient[] = []
      let after: string | null = null
      do {
        const result: RecipientsQuery = await tidings.request(RecipientsDocument, {
          id: message.id,
          first: CSV_PAGE,
          after,
        })
        const page = recipientsOf(result)
        rows.push(...(page?.nodes ?? []))
        after = page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : null
      } while (after !== null)
      const lines = rows.map(({ user, via, seenAt, readAt, repliedAt, reminderCount }) => [
        user?.name ?? '',
        user?.externalId ?? '',
        via?.__typename === 'Group' ? via.name : '',
        seenAt ?? '',
        readAt ?? '',
        repliedAt ?? '',
        reminderCount,
      ])
      offerFile(csv([sent.csvHead, ...lines]), `${message.id}.csv`)
    } catch (error) {
      setFailure((error as Error).message)
    }
    setLoading(false)
  }
  return (
    <>
      {failure && <span role="alert">{failure}</span>}
      <Button kind="quiet" disabled={isLoading} onClick={() => void download()}>
        {common.csv}
      </Button>
    </>
  )
}
