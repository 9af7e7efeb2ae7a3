// Numbers and days as the reader's language writes them; moments are the inbox's `useDates`.

const MINUTE = 60_000

export interface Format {
  locale: string
  /** "24 Nov 2026". */
  date(at: Date | string): string
  number(n: number): string
  percent(rate: number): string
  list(names: string[]): string
}

export function formatFor(locale: string): Format {
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })
  const number = new Intl.NumberFormat(locale)
  const percent = new Intl.NumberFormat(locale, { style: 'percent' })
  const list = new Intl.ListFormat(locale, { type: 'conjunction' })
  return {
    locale,
    date: at => date.format(new Date(at)),
    number: n => number.format(n),
    // As long as somebody has not read it, it is not 100 %.
    percent: rate => percent.format(rate < 1 ? Math.floor(rate * 100) / 100 : 1),
    list: names => list.format(names),
  }
}

/** For `<input type="datetime-local">`: the local time, to the minute. */
export function toLocalInput(at: Date): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * MINUTE)
  return local.toISOString().slice(0, 16)
}

/** The moment that such an input shows; undefined if it is empty. */
export function fromLocalInput(text: string): Date | undefined {
  const at = new Date(text)
  return Number.isNaN(at.getTime()) ? undefined : at
}
