/** At this moment, `count` people had read it. */
export interface Step {
  at: number
  count: number
}

interface Point {
  at: string
  readCount: number
}

/**
 * The curve from the points of `readTimeline`. A point counts by the end of its interval, and so it
 * stands there; only the last interval may end before, with the last reader.
 */
export function stepsOf(
  points: readonly Point[],
  start: number,
  length: number,
  last: number,
): Step[] {
  const steps = points.map(({ at, readCount }) => ({
    at: Math.max(start, Math.min(Date.parse(at) + length, last)),
    count: readCount,
  }))
  // Until the first interval in which somebody read it, nobody had.
  const first = points[0]
  const begins = first === undefined ? start : Math.max(start, Date.parse(first.at))
  const before = begins > start ? [{ at: begins, count: 0 }] : []
  return [{ at: start, count: 0 }, ...before, ...steps]
}
