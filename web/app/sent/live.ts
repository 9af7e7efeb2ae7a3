// Read rates as they climb.

import { useEffect, useMemo, useRef, useState } from 'react'
import { FollowReadStatsDocument, type StatsFieldsFragment } from '../generated/documents'
import { useApp } from '../lib/app'
import { useSettled } from '../lib/settled'

/**
 * The most rows that are followed at a time. One socket, which all tabs share, carries 20 operations
 * (`limits.operations_per_socket`); the inbox and what is open need the others.
 */
const MOST = 14

interface Row {
  id: string
  sendAt: string | null
  readStats: StatsFieldsFragment | null
}

/**
 * Follows the rows in sight that somebody has still to read. Its result is the ref of the list, in
 * which each row has a `data-id`.
 */
export function useLiveRates(rows: readonly Row[], onChange: (stats: StatsFieldsFragment) => void) {
  const { tidings } = useApp()
  const [list, setList] = useState<HTMLElement | null>(null)
  const inSight = useInSight(list, rows.map(({ id }) => id).join(' '))
  const wanted = rows
    .filter(
      ({ id, sendAt, readStats }) =>
        inSight.has(id) && sendAt === null && readStats !== null && readStats.readRate < 1,
    )
    .slice(0, MOST)
    .map(({ id }) => id)
    .join(' ')
  // Not each row that passes while somebody scrolls.
  const settled = useSettled(wanted)
  const [followed] = useState(() => new Map<string, () => void>())
  const latest = useRef(onChange)
  useEffect(() => {
    latest.current = onChange
  })
  useEffect(() => {
    const ids = settled.split(' ').filter(Boolean)
    for (const [id, end] of followed) {
      if (ids.includes(id)) continue
      end()
      followed.delete(id)
    }
    for (const id of ids.filter(one => !followed.has(one))) {
      const end = tidings.subscribe(
        FollowReadStatsDocument,
        { id },
        { next: ({ readStatsUpdated }) => latest.current(readStatsUpdated) },
      )
      followed.set(id, end)
    }
  }, [tidings, settled, followed])
  useEffect(
    () => () => {
      for (const end of followed.values()) end()
      followed.clear()
    },
    [tidings, followed],
  )
  return setList
}

/** How much of a row has to be in the window. */
const HALF = 0.5

/** The rows of a list that can be seen, by their `data-id`. */
function useInSight(list: HTMLElement | null, ids: string): ReadonlySet<string> {
  const [inSight, setInSight] = useState<ReadonlySet<string>>(new Set())
  useEffect(() => {
    if (!list) return
    const note = (entries: IntersectionObserverEntry[]) =>
      setInSight(before => {
        const now = new Set(before)
        for (const { target, intersectionRatio } of entries) {
          const { id } = (target as HTMLElement).dataset
          if (id && intersectionRatio >= HALF) now.add(id)
          else if (id) now.delete(id)
        }
        return now
      })
    const observer = new IntersectionObserver(note, { threshold: HALF })
    for (const row of list.querySelectorAll('[data-id]')) observer.observe(row)
    return () => observer.disconnect()
  }, [list, ids])
  return inSight
}

/** The rate of one message or announcement: what is known, then what the server says. */
export function useLiveStats(
  id: string,
  known: StatsFieldsFragment | null | undefined,
): StatsFieldsFragment | null | undefined {
  const { tidings } = useApp()
  const [latest, setLatest] = useState<{ id: string; stats: StatsFieldsFragment }>()
  const isKnown = known !== null && known !== undefined
  useEffect(() => {
    if (!isKnown) return
    return tidings.subscribe(
      FollowReadStatsDocument,
      { id },
      { next: ({ readStatsUpdated }) => setLatest({ id, stats: readStatsUpdated }) },
    )
  }, [tidings, id, isKnown])
  return useMemo(() => (latest?.id === id ? latest.stats : known), [latest, id, known])
}
