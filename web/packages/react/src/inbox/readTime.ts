/** Times as people write them: “in 3 days”, “next friday”, “tomorrow 8:30”. */

import { MORNING, addMonths } from './snoozeTimes'

/** The words of a language, as regular expressions. Its days of the week are known by `Intl`. */
export interface TimeWords {
  /** Before a number, and before a day of the week; both may be left out. */
  in: string
  next: string
  /** The first ones, from one on. */
  numbers: readonly string[]
  minutes: string
  hours: string
  days: string
  weeks: string
  months: string
  today: string
  tomorrow: string
  afterTomorrow: string
}

const TIME = /(?:^|\s)(?:(?:at|um)\s+)?(\d{1,2})(?::(\d\d))?\s*(am|pm|uhr)?$/
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/**
 * The moment that is meant; undefined if none is, or if it has passed. A day without a time begins
 * in the morning, and a time without a day is the next one.
 */
export function readTime(text: string, words: TimeWords, locale: string, now: Date) {
  const line = text.trim().toLowerCase()
  const span = readSpan(line, words)
  const passing = span && { [words.minutes]: MINUTE, [words.hours]: HOUR }[span.unit]
  if (span && passing) return new Date(now.getTime() + span.count * passing)
  const time = TIME.exec(line)
  const isDay = span !== undefined || !time
  const day = isDay ? line : line.slice(0, time.index).trim()
  const [hour, minute] = isDay ? [MORNING, 0] : clock(time)
  if (hour === undefined || (day === '' && !time?.[2] && !time?.[3])) return undefined
  const at = new Date(now.getFullYear(), now.getMonth(), now.getDate(), hour, minute)
  if (day === '' && at <= now) at.setDate(at.getDate() + 1)
  if (day !== '' && !moveTo(at, day, words, locale)) return undefined
  return at > now ? at : undefined
}

/** The hour and the minute; nothing if there is no such time. */
function clock([, hours, minutes = '0', half]: RegExpExecArray): [number?, number?] {
  const hour =
    half === 'am' || half === 'pm' ? (Number(hours) % 12) + (half === 'pm' ? 12 : 0) : Number(hours)
  return hour < 24 && Number(minutes) < 60 ? [hour, Number(minutes)] : []
}

/** A number of units. */
function readSpan(text: string, words: TimeWords) {
  const units = [words.minutes, words.hours, words.days, words.weeks, words.months]
  const [, before = '', name = ''] = /^(.*\S)\s+(\S+)$/.exec(text) ?? []
  const unit = units.find(one => is(name, one))
  const count = before.replace(new RegExp(`^(?:${words.in})\\s+`), '')
  const number = words.numbers.findIndex(one => is(count, one)) + 1 || Number(count)
  return unit && Number.isInteger(number) && number > 0 && number < 1000
    ? { unit, count: number }
    : undefined
}

/** Moves a date from today to the day that is meant; false if none is. */
function moveTo(at: Date, day: string, words: TimeWords, locale: string): boolean {
  const span = readSpan(day, words)
  if (span?.unit === words.months) addMonths(at, span.count)
  const days = span
    ? { [words.days]: 1, [words.weeks]: 7, [words.months]: 0 }[span.unit]
    : dayOf(day, at, words, locale)
  if (days === undefined) return false
  at.setDate(at.getDate() + days * (span?.count ?? 1))
  return true
}

/** How many days from today it is. */
function dayOf(day: string, today: Date, words: TimeWords, locale: string): number | undefined {
  if (is(day, words.today)) return 0
  if (is(day, words.tomorrow)) return 1
  if (is(day, words.afterTomorrow)) return 2
  const name = day.replace(new RegExp(`^(?:${words.next})\\s+`), '')
  const format = new Intl.DateTimeFormat(locale, { weekday: 'long' })
  for (let days = 1; days <= 7; days++) {
    const date = new Date(today.getFullYear(), today.getMonth(), today.getDate() + days)
    // Two letters are enough to tell them apart.
    if (name.length > 1 && format.format(date).toLowerCase().startsWith(name)) return days
  }
  return undefined
}

const is = (text: string, words: string) => new RegExp(`^(?:${words})$`).test(text)
