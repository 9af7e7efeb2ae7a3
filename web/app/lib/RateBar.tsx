import { useFormat, useTexts } from '../texts'
import './rate.css'

interface Stats {
  readCount: number
  seenCount: number
  recipientCount: number
}

/** How many have read something, as a bar: read, and behind it seen. The text says the same. */
export function RateBar({ stats, size }: { stats: Stats; size?: 'large' }) {
  const { readCount, seenCount, recipientCount } = stats
  const part = (count: number) => (recipientCount === 0 ? 0 : count / recipientCount)
  return (
    <svg className="app-rate" data-size={size} aria-hidden="true" focusable="false">
      <rect className="app-rate-all" width="100%" height="100%" rx="3" />
      <rect className="app-rate-seen" width={`${part(seenCount) * 100}%`} height="100%" rx="3" />
      <rect className="app-rate-read" width={`${part(readCount) * 100}%`} height="100%" rx="3" />
    </svg>
  )
}

/** The bar with its words. */
export function Rate({ stats }: { stats: Stats }) {
  const { sent } = useTexts()
  const format = useFormat()
  const { readCount, recipientCount } = stats
  return (
    <span className="app-rate-line">
      <RateBar stats={stats} />
      <span>
        <b>{format.percent(recipientCount === 0 ? 0 : readCount / recipientCount)}</b>{' '}
        {sent.readOf(readCount, recipientCount)}
      </span>
    </span>
  )
}
