// How the readers came: a curve, and the same as a table.

import { useDates } from '@tidings/react'
import { useEffect, useRef, useState, type PointerEvent } from 'react'
import { ReadTimelineDocument, type StatsFieldsFragment } from '../generated/documents'
import { useQuery } from '../lib/query'
import { useFormat, useTexts } from '../texts'
import { stepsOf, type Step } from './steps'
import './timeline.css'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const LENGTH = { HOUR, DAY, WEEK: 7 * DAY }

type Interval = keyof typeof LENGTH

/** As fine as a curve can show. */
function intervalFor(span: number): Interval {
  if (span < 5 * DAY) return 'HOUR'
  return span < 120 * DAY ? 'DAY' : 'WEEK'
}

const WIDTH = 640
const HEIGHT = 160

interface TimelineProps {
  id: string
  sentAt: string
  stats: StatsFieldsFragment
}

export function Timeline({ id, sentAt, stats }: TimelineProps) {
  const { sent } = useTexts()
  const dates = useDates()
  const format = useFormat()
  const start = Date.parse(sentAt)
  const last = stats.lastReadAt === null ? start : Date.parse(stats.lastReadAt)
  const interval = intervalFor(last - start)
  const { data, reload } = useQuery(ReadTimelineDocument, { id, interval })
  // Another reader is another point.
  const drawn = useRef(stats.readCount)
  useEffect(() => {
    if (drawn.current === stats.readCount) return
    drawn.current = stats.readCount
    reload()
  }, [stats.readCount, reload])
  const points = data?.message?.readTimeline
  const [hovered, setHovered] = useState<Step>()
  if (!points || points.length === 0 || stats.recipientCount === 0) return null

  const steps = stepsOf(points, start, LENGTH[interval], last)
  // A little further, so that one sees the end.
  const end = Math.max(last + (last - start) * 0.06, start + HOUR)
  const x = (at: number) => ((at - start) / Math.max(end - start, 1)) * WIDTH
  const y = (count: number) => HEIGHT - (count / stats.recipientCount) * (HEIGHT - 4)
  const line = `M${steps.map(step => `${x(step.at)} ${y(step.count)}`).join('L')}H${WIDTH}`
  const moment = (at: number) => dates.near(new Date(at))
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const at = start + ((event.clientX - box.left) / box.width) * (end - start)
    setHovered(steps.findLast(step => step.at <= at))
  }
  const said = sent.timelineText(
    stats.readCount,
    stats.recipientCount,
    stats.firstReadAt ? dates.near(stats.firstReadAt) : '',
    moment(last),
  )
  return (
    <figure className="app-timeline">
      <figcaption>
        <h3>{sent.timeline}</h3>
        <span aria-hidden="true">
          {hovered &&
            `${moment(hovered.at)}: ${hovered.count} (${format.percent(hovered.count / stats.recipientCount)})`}
        </span>
      </figcaption>
      <div className="app-timeline-plot">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={said}
          onPointerMove={point}
          onPointerLeave={() => setHovered(undefined)}
        >
          {[0.25, 0.5, 0.75, 1].map(part => (
            <path
              key={part}
              className="app-timeline-grid"
              d={`M0 ${y(part * stats.recipientCount)}H${WIDTH}`}
            />
          ))}
          <path className="app-timeline-area" d={`${line}V${HEIGHT}H0Z`} />
          <path className="app-timeline-line" d={line} />
          {hovered && <path className="app-timeline-at" d={`M${x(hovered.at)} 0V${HEIGHT}`} />}
        </svg>
        <span className="app-timeline-scale" aria-hidden="true">
          <i>{format.percent(1)}</i>
          <i>{format.percent(0.5)}</i>
          <i>{format.percent(0)}</i>
        </span>
      </div>
      <div className="app-timeline-ends" aria-hidden="true">
        <span>{moment(start)}</span>
        <span>{moment(end)}</span>
      </div>
      <details>
        <summary>{sent.timelineTable}</summary>
        <div className="app-timeline-table">
          <table>
            <thead>
              <tr>
                <th scope="col">{sent.when}</th>
                <th scope="col">{sent.readers}</th>
                <th scope="col">{sent.rate}</th>
              </tr>
            </thead>
            <tbody>
              {steps
                .filter(({ count }) => count > 0)
                .map(({ at, count }) => (
                  <tr key={at}>
                    <td>{moment(at)}</td>
                    <td>{format.number(count)}</td>
                    <td>{format.percent(count / stats.recipientCount)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}
