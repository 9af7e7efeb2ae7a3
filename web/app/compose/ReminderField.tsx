// How a message reminds, and on which days it would.

import { useQuery } from '../lib/query'
import { Field } from '../lib/Field'
import { ReminderScheduleDocument } from '../generated/documents'
import { useFormat, useTexts } from '../texts'
import { useDates, useNow } from '@tidings/react'
import type { DraftReminder } from './draft'

const MOST_DATES = 4

interface ReminderFieldProps {
  value: DraftReminder | null
  onChange(value: DraftReminder | null): void
  frequencies: readonly string[]
  expiresAt: string | null
  /** Only admins may have people deactivated. */
  mayDeactivate: boolean
  error?: string | undefined
}

export function ReminderField(props: ReminderFieldProps) {
  const { value, onChange, frequencies, expiresAt, mayDeactivate, error } = props
  const { compose } = useTexts()
  const canDeactivate = value?.until === 'REPLIED' && expiresAt !== null
  return (
    <div className="app-reminder">
      <Field label={compose.reminder} error={error}>
        {attributes => (
          <div className="app-when">
            <select
              {...attributes}
              className="tidings-field"
              value={value?.frequency ?? ''}
              onChange={event => {
                const frequency = event.target.value
                if (!frequency) onChange(null)
                else onChange({ until: 'READ', deactivateNonRepliers: false, ...value, frequency })
              }}
            >
              <option value="">{compose.reminderNone}</option>
              {frequencies.map(frequency => (
                <option key={frequency} value={frequency}>
                  {compose.frequencies[frequency] ?? frequency}
                </option>
              ))}
            </select>
            {value && (
              <select
                className="tidings-field"
                aria-label={compose.until}
                value={value.until}
                onChange={event => {
                  const until = event.target.value as DraftReminder['until']
                  const stays = until === 'REPLIED' && value.deactivateNonRepliers
                  onChange({ ...value, until, deactivateNonRepliers: stays })
                }}
              >
                <option value="READ">{`${compose.until} ${compose.untilRead}`}</option>
                <option value="REPLIED">{`${compose.until} ${compose.untilReplied}`}</option>
              </select>
            )}
          </div>
        )}
      </Field>
      {value && mayDeactivate && (
        <label className="app-check">
          <input
            type="checkbox"
            checked={value.deactivateNonRepliers && canDeactivate}
            disabled={!canDeactivate}
            onChange={event => onChange({ ...value, deactivateNonRepliers: event.target.checked })}
          />
          <span>
            {compose.deactivate}
            {!canDeactivate && <small>{compose.deactivateNeeds}</small>}
          </span>
        </label>
      )}
      {value && <Schedule reminder={value} expiresAt={expiresAt} />}
    </div>
  )
}

/** The dates as they would be, from the server: it knows the time zone, and its clock is the one. */
function Schedule({ reminder, expiresAt }: { reminder: DraftReminder; expiresAt: string | null }) {
  const { compose } = useTexts()
  const dates = useDates()
  const format = useFormat()
  const now = useNow()
  const { frequency, until } = reminder
  const isPast = expiresAt !== null && Date.parse(expiresAt) <= now
  const { data } = useQuery(
    ReminderScheduleDocument,
    // Whether somebody is deactivated changes none of the dates, and not everybody may ask for it.
    isPast ? null : { expiresAt, reminder: { frequency, until } },
  )
  const schedule = data?.reminderSchedule
  if (!schedule) return null
  if (schedule.length === 0) return <p className="app-schedule">{compose.scheduleNone}</p>
  const shown = schedule.slice(0, MOST_DATES)
  const last = schedule.at(-1)
  const rest = schedule.length - shown.length
  return (
    <div className="app-schedule" aria-live="polite">
      <p>{compose.schedule}</p>
      <ol>
        {shown.map((at, index) => (
          <li key={at}>
            <time dateTime={at}>{dates.near(at)}</time>
            {expiresAt !== null && index === schedule.length - 1 && ` (${compose.scheduleLast})`}
          </li>
        ))}
        {rest > 0 && last && (
          <li>
            {compose.scheduleMore(rest)}
            {expiresAt !== null && `, ${format.date(last)}`}
          </li>
        )}
      </ol>
    </div>
  )
}
