// A day, as the page's language writes it: the browser's own field follows the browser's language.

import { CalendarIcon, IconButton } from '@tidings/react'
import { useRef, useState } from 'react'
import { useFormat, useTexts } from '../texts'
import { Field } from './Field'

interface DayFieldProps {
  label: string
  /** As `2026-11-24`; empty if there is none. */
  value: string
  onChange(value: string): void
}

export function DayField({ label, value, onChange }: DayFieldProps) {
  const { common } = useTexts()
  const { locale } = useFormat()
  const calendar = useRef<HTMLInputElement>(null)
  const [shown, setShown] = useState({ value, text: writeDay(value, locale) })
  const [isLeft, setLeft] = useState(true)
  // It was changed elsewhere.
  if (shown.value !== value) setShown({ value, text: writeDay(value, locale) })
  const read = readDay(shown.text, locale)
  const change = (text: string) => {
    const day = readDay(text, locale) ?? ''
    setShown({ value: day, text })
    if (day !== value) onChange(day)
  }
  const isWrong = isLeft && read === undefined
  return (
    <Field label={label} error={isWrong ? common.noDay(patternOf(locale)) : undefined}>
      {attributes => (
        <div className="app-day">
          <input
            {...attributes}
            className="tidings-field"
            inputMode="numeric"
            autoComplete="off"
            placeholder={patternOf(locale)}
            value={shown.text}
            onChange={event => change(event.target.value)}
            onFocus={() => setLeft(false)}
            onBlur={() => {
              setLeft(true)
              if (read) setShown({ value, text: writeDay(read, locale) })
            }}
          />
          <input
            ref={calendar}
            type="date"
            tabIndex={-1}
            aria-hidden="true"
            value={value}
            onChange={event => change(writeDay(event.target.value, locale))}
          />
          <IconButton
            size="small"
            label={`${common.calendar}: ${label}`}
            icon={<CalendarIcon size="small" />}
            onClick={() => calendar.current?.showPicker()}
          />
        </div>
      )}
    </Field>
  )
}

type Part = 'day' | 'month' | 'year'
const SHOWN: Intl.DateTimeFormatOptions = { day: '2-digit', month: '2-digit', year: 'numeric' }
const SIGNS: Record<string, Record<Part, string>> = {
  de: { day: 'TT', month: 'MM', year: 'JJJJ' },
  en: { day: 'dd', month: 'mm', year: 'yyyy' },
}

const partsOf = (locale: string) =>
  new Intl.DateTimeFormat(locale, SHOWN).formatToParts(new Date(2026, 10, 24))
const isPart = (type: string): type is Part => ['day', 'month', 'year'].includes(type)

/** Such as `dd/mm/yyyy`. */
function patternOf(locale: string): string {
  const signs = SIGNS[locale.slice(0, 2)] ?? SIGNS['en']
  return partsOf(locale)
    .map(({ type, value }) => (isPart(type) ? signs?.[type] : value))
    .join('')
}

/** `2026-11-24` as the language writes it; empty if there is none. */
export function writeDay(day: string, locale: string): string {
  return day && new Intl.DateTimeFormat(locale, SHOWN).format(new Date(`${day}T00:00`))
}

/** What somebody has typed as `2026-11-24`: empty if it is nothing, undefined if it is no day. */
export function readDay(text: string, locale: string): string | undefined {
  if (!text.trim()) return ''
  const numbers = text.match(/\d+/g) ?? []
  const isIso = /^\s*\d{4}-/.test(text)
  const order = isIso ? ['year', 'month', 'day'] : partsOf(locale).map(({ type }) => type)
  const [year = '', month = '', day = ''] = (['year', 'month', 'day'] as const).map(
    part => numbers[order.filter(isPart).indexOf(part)],
  )
  if (numbers.length !== 3 || year.length !== 4) return undefined
  const iso = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  // 31 February is the 3rd of March for some, and no day here.
  const at = new Date(`${iso}T00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(iso) ? iso : undefined
}
