import { useDates } from '@tidings/react'
import type { StatsFieldsFragment } from '../generated/documents'
import { RateBar } from '../lib/RateBar'
import { useFormat, useTexts } from '../texts'

/** The rate in large, as it climbs. */
export function StatsHead({ stats }: { stats: StatsFieldsFragment }) {
  const { sent } = useTexts()
  const dates = useDates()
  const format = useFormat()
  const { readCount, seenCount, recipientCount, readRate, firstReadAt, lastReadAt } = stats
  const numbers = [
    { label: sent.read, count: readCount, kind: 'read' },
    { label: sent.seenUnread, count: seenCount - readCount, kind: 'seen' },
    { label: sent.states.none, count: recipientCount - seenCount, kind: 'none' },
  ]
  return (
    <section className="app-stats" aria-label={sent.readOf(readCount, recipientCount)}>
      <div className="app-stats-rate">
        <strong data-testid="rate">{format.percent(readRate)}</strong>
        <span>
          {sent.readOf(readCount, recipientCount)}
          <small className="app-live">{sent.live}</small>
        </span>
      </div>
      <RateBar stats={stats} size="large" />
      <dl className="app-stats-numbers">
        {numbers.map(({ label, count, kind }) => (
          <div key={kind} data-kind={kind}>
            <dt>{label}</dt>
            <dd>{format.number(count)}</dd>
          </div>
        ))}
      </dl>
      {firstReadAt !== null && lastReadAt !== null && (
        <p className="app-stats-when">
          {`${sent.firstRead(dates.near(firstReadAt))}, ${sent.lastRead(dates.near(lastReadAt))}`}
        </p>
      )}
    </section>
  )
}
