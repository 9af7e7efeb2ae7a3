/** Dates as people read them. */

import { useEffect, useState } from 'react'
import { useLabels } from './labels/context'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export interface Dates {
  /** For a row: “now”, “5 min”, “14:30”, “Mon”, “3 Mar”. */
  age(moment: string, now: number): string
  /** Where it stands in a sentence: “today at 14:30”, “Monday, 3 March at 9:00”. */
  near(moment: string | Date, now?: number): string
  /** All of it, for those who ask. */
  full(moment: string | Date): string
  /** A day with its year: “3 Mar 2026”. */
  day(moment: Date): string
  /** The time zone in which moments are written: “Central European Summer Time”. */
  zone(moment: Date): string
}

export function useDates(): Dates {
  const { locale } = useLabels()
  const known = byLocale.get(locale) ?? dates(locale)
  byLocale.set(locale, known)
  return known
}

/** Shared by all rows: the formats of a locale take longer to make than the rest of a row. */
const byLocale = new Map<string, Dates>()

function dates(locale: string): Dates {
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options)
  const time = format({ hour: 'numeric', minute: '2-digit' })
  const weekday = format({ weekday: 'short' })
  const day = format({ day: 'numeric', month: 'short' })
  const year = format({ day: 'numeric', month: 'short', year: 'numeric' })
  const nearTime = format({ weekday: 'short', hour: 'numeric', minute: '2-digit' })
  const nearDay = format({
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
  })
  const nearYear = format({ dateStyle: 'medium', timeStyle: 'short' })
  const full = format({ dateStyle: 'full', timeStyle: 'short' })
  const zone = format({ timeZoneName: 'long' })
  const minutes = new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: 'minute',
    unitDisplay: 'short',
  })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'narrow' })
  const relativeDay = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })

  return {
    age(moment, now) {
      const at = new Date(moment)
      const passed = now - at.getTime()
      if (passed < MINUTE) return relative.format(0, 'second')
      if (passed < HOUR) return minutes.format(Math.floor(passed / MINUTE))
      if (daysBetween(at, new Date(now)) === 0) return time.format(at)
      if (daysBetween(at, new Date(now)) < 7) return weekday.format(at)
      return at.getFullYear() === new Date(now).getFullYear() ? day.format(at) : year.format(at)
    },
    near(moment, now = Date.now()) {
      const at = new Date(moment)
      const days = daysBetween(new Date(now), at)
      if (Math.abs(days) <= 1) return `${relativeDay.format(days, 'day')}, ${time.format(at)}`
      if (days > 0 && days < 7) return nearTime.format(at)
      return at.getFullYear() === new Date(now).getFullYear()
        ? nearDay.format(at)
        : nearYear.format(at)
    },
    full: moment => full.format(new Date(moment)),
    day: moment => year.format(moment),
    zone: moment =>
      zone.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? '',
  }
}

/** Midnights between two moments, in this browser's time zone. */
function daysBetween(from: Date, to: Date) {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate())
  return Math.round((midnight(to).getTime() - midnight(from).getTime()) / DAY)
}

const listeners = new Set<(now: number) => void>()
let clock: ReturnType<typeof setInterval> | undefined

/** The time, renewed each half minute: one clock for all that show an age. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    listeners.add(setNow)
    clock ??= setInterval(() => {
      for (const listener of listeners) listener(Date.now())
    }, MINUTE / 2)
    return () => {
      listeners.delete(setNow)
      if (listeners.size > 0) return
      clearInterval(clock)
      clock = undefined
    }
  }, [])
  return now
}
