import { BellIcon, ClockIcon, ReplyIcon, useDates, useNow } from '@tidings/react'
import type { SentFieldsFragment } from '../generated/documents'
import { Link } from '../lib/Link'
import { Rate } from '../lib/RateBar'
import { useTexts, type Texts } from '../texts'

const MOST_NAMES = 2

/** "Sales, Ada Lindqvist and 3 more". */
export function namesOf(sentTo: readonly { name: string }[], { sent }: Texts): string {
  const names = sentTo.slice(0, MOST_NAMES).map(({ name }) => name)
  const more = sentTo.length - names.length
  return more > 0 ? sent.andMore(names.join(', '), more) : names.join(', ')
}

interface SentRowProps {
  message: SentFieldsFragment
  href: string
  isCurrent: boolean
}

export function SentRow({ message, href, isCurrent }: SentRowProps) {
  const texts = useTexts()
  const { sent } = texts
  const dates = useDates()
  const now = useNow()
  const { subject, sentTo, createdAt, sendAt, expiresAt, readStats, reminder, depth } = message
  const hasExpired = expiresAt !== null && Date.parse(expiresAt) <= now
  return (
    <li data-id={message.id}>
      <Link href={href} className="app-row" aria-current={isCurrent || undefined}>
        <span className="app-row-line">
          <b>{subject}</b>
          <time dateTime={sendAt ?? createdAt} title={dates.full(sendAt ?? createdAt)}>
            {sendAt === null ? dates.age(createdAt, now) : dates.near(sendAt)}
          </time>
        </span>
        <span className="app-row-line">
          <span className="app-row-to">{sent.to(namesOf(sentTo, texts))}</span>
        </span>
        <span className="app-row-line">
          {sendAt === null && readStats ? <Rate stats={readStats} /> : <span />}
          <span className="app-row-signs">
            {depth > 0 && (
              <span title={sent.reply}>
                <ReplyIcon size="small" />
                <span className="tidings-hidden">{sent.reply}</span>
              </span>
            )}
            {reminder?.nextAt && (
              <span title={`${sent.reminder}: ${sent.nextReminder(dates.near(reminder.nextAt))}`}>
                <BellIcon size="small" />
                <span className="tidings-hidden">{sent.reminder}</span>
              </span>
            )}
            {expiresAt !== null && (
              <span title={hasExpired ? sent.expired : sent.expiresAt(dates.near(expiresAt))}>
                <ClockIcon size="small" />
                <span className="tidings-hidden">
                  {hasExpired ? sent.expired : sent.expiresAt(dates.near(expiresAt))}
                </span>
              </span>
            )}
          </span>
        </span>
      </Link>
    </li>
  )
}
