import { useId, useState } from 'react'
import { Button } from '../base/Button'
import { Dialog } from '../base/Dialog'
import { useDates } from '../format'
import { useLabels } from '../labels/context'
import { useZone } from '../useZone'
import { readTime } from './readTime'
import { fieldValue, snoozeTimes } from './snoozeTimes'

export interface SnoozeDialogProps {
  onChoose: (until: Date) => void
  onClose: () => void
}

/** Asks until when something waits. */
export function SnoozeDialog({ onChoose, onClose }: SnoozeDialogProps) {
  const labels = useLabels()
  const dates = useDates()
  const zoneOf = useZone()
  const [now] = useState(() => new Date())
  const [chosen, setChosen] = useState('')
  const [typed, setTyped] = useState('')
  const field = useId()
  const meant = readTime(typed, labels.timeWords, labels.locale, now)
  const until = chosen ? new Date(chosen) : undefined
  const isPast = until !== undefined && until.getTime() <= now.getTime()
  return (
    <Dialog title={labels.snoozeTitle} onClose={onClose}>
      <form
        className="tidings-typed"
        onSubmit={event => {
          event.preventDefault()
          if (meant) onChoose(meant)
        }}
      >
        <input
          // React's autoFocus comes before the dialog is shown; the dialog looks at the attribute.
          // On a phone it would bring the keyboard, over the choices.
          ref={input =>
            void input?.toggleAttribute('autofocus', matchMedia('(pointer: fine)').matches)
          }
          type="text"
          className="tidings-field"
          aria-label={labels.timeTyped}
          aria-describedby={`${field}-meant`}
          placeholder={labels.timeExample}
          autoComplete="off"
          value={typed}
          onChange={event => setTyped(event.target.value)}
        />
        {meant ? (
          <Button type="submit" kind="main">
            {labels.snooze}
          </Button>
        ) : null}
        <p id={`${field}-meant`} className="tidings-meta" role="status">
          {meant ? dates.full(meant) : typed ? labels.timeUnknown : null}
        </p>
      </form>
      <ul className="tidings-choices">
        {snoozeTimes(now).map(({ name, at }) => (
          <li key={name}>
            <button type="button" className="tidings-menu-item" onClick={() => onChoose(at)}>
              <span>{labels.snoozeFor[name]}</span>
              <small>{dates.near(at)}</small>
            </button>
          </li>
        ))}
      </ul>
      <form
        className="tidings-date"
        onSubmit={event => {
          event.preventDefault()
          if (until && !isPast) onChoose(until)
        }}
      >
        <label htmlFor={field}>{labels.dateAndTime}</label>
        <input
          id={field}
          type="datetime-local"
          className="tidings-field"
          min={fieldValue(now)}
          aria-describedby={`${field}-zone`}
          aria-invalid={isPast || undefined}
          value={chosen}
          onChange={event => setChosen(event.target.value)}
        />
        <Button type="submit" kind="main" disabled={!until || isPast}>
          {labels.snooze}
        </Button>
        <p id={`${field}-zone`} className="tidings-meta" role="status">
          {isPast ? labels.timeUnknown : zoneOf(until ?? now)}
        </p>
      </form>
    </Dialog>
  )
}
