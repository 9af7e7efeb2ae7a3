import { addMonths, useZone } from '@tidings/react'
import { useId, useState } from 'react'
import { Field } from './Field'
import { fromLocalInput, toLocalInput } from './format'
import { useTexts } from '../texts'

export type Preset = 'hour' | 'tonight' | 'tomorrow' | 'monday' | 'week' | 'month'

const MORNING = 8
const EVENING = 18

/** The moment that a preset means, in local time. */
export function momentOf(preset: Preset, now: Date): Date {
  const at = new Date(now)
  at.setSeconds(0, 0)
  if (preset === 'hour') at.setHours(at.getHours() + 1)
  if (preset === 'tonight') at.setHours(EVENING, 0)
  if (preset === 'tomorrow') {
    at.setDate(at.getDate() + 1)
    at.setHours(MORNING, 0)
  }
  if (preset === 'monday') {
    at.setDate(at.getDate() + ((8 - at.getDay()) % 7 || 7))
    at.setHours(MORNING, 0)
  }
  if (preset === 'week') at.setDate(at.getDate() + 7)
  if (preset === 'month') addMonths(at, 1)
  return at
}

interface WhenFieldProps {
  label: string
  hint?: string
  error?: string | undefined
  /** What no moment means: "never", "at once". */
  none: string
  presets: Preset[]
  /** RFC 3339; null for none. */
  value: string | null
  onChange(value: string | null): void
}

/** A moment in the future, or none: by a name, or exactly. */
export function WhenField({ label, hint, error, none, presets, value, onChange }: WhenFieldProps) {
  const texts = useTexts()
  const zoneOf = useZone()
  const zone = useId()
  // A moment keeps the name by which it was chosen, until it is changed.
  const [named, setNamed] = useState<{ value: string; by: string }>()
  const choose = (chosen: string) => {
    if (chosen === 'none') onChange(null)
    else {
      const preset = chosen === 'custom' ? 'tomorrow' : (chosen as Preset)
      const at = momentOf(preset, new Date()).toISOString()
      setNamed({ value: at, by: chosen })
      onChange(at)
    }
  }
  const chosen = value === null ? 'none' : value === named?.value ? named.by : 'custom'
  const isPast = value !== null && new Date(value) <= new Date()
  return (
    <Field
      label={label}
      hint={value === null ? undefined : hint}
      error={error ?? (isPast ? texts.compose.inPast : undefined)}
    >
      {attributes => (
        <div className="app-when">
          <select
            {...attributes}
            className="tidings-field"
            value={chosen}
            onChange={event => choose(event.target.value)}
          >
            <option value="none">{none}</option>
            {presets
              .filter(each => each === chosen || momentOf(each, new Date()) > new Date())
              .map(preset => (
                <option key={preset} value={preset}>
                  {texts.compose.presets[preset]}
                </option>
              ))}
            <option value="custom">{texts.compose.presets.custom}</option>
          </select>
          {value !== null && (
            <div>
              <input
                type="datetime-local"
                className="tidings-field"
                aria-label={`${label}: ${texts.compose.at}`}
                aria-describedby={[zone, attributes['aria-describedby']].join(' ').trim()}
                aria-invalid={attributes['aria-invalid']}
                value={toLocalInput(new Date(value))}
                min={toLocalInput(new Date())}
                onChange={event => {
                  const at = fromLocalInput(event.target.value)
                  if (at) onChange(at.toISOString())
                }}
              />
              <small id={zone} className="app-when-zone">
                {zoneOf(new Date(value))}
              </small>
            </div>
          )}
        </div>
      )}
    </Field>
  )
}
