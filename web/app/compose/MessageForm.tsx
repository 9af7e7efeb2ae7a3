// The inputs of a message: for a new one, and for one that is planned.

import { Button, CloseIcon, IconButton, PlusIcon } from '@tidings/react'
import { ComposeCatalogDocument } from '../generated/documents'
import { isHost, useApp } from '../lib/app'
import { Field } from '../lib/Field'
import { useQuery } from '../lib/query'
import { WhenField } from '../lib/WhenField'
import { useTexts } from '../texts'
import { AddressField } from './AddressField'
import { BodyField } from './BodyField'
import type { Draft, DraftAction } from './draft'
import type { Problems } from './problems'
import { ReminderField } from './ReminderField'
import './form.css'

const MOST_ACTIONS = 3
/** From here on the counter shows how much is left. */
const NEARLY = 0.8

interface MessageFormProps {
  draft: Draft
  onChange(change: Partial<Draft>): void
  problems: Problems
  disabled: boolean
  /** Ctrl or Cmd with Enter. */
  onSubmit(): void
  /** A planned message keeps its category. */
  isPlanned?: boolean
}

export function MessageForm(props: MessageFormProps) {
  const { draft, onChange, problems, disabled, onSubmit, isPlanned } = props
  const { compose } = useTexts()
  const { me } = useApp()
  const { data } = useQuery(ComposeCatalogDocument, NOTHING)
  const most = me?.server.limits.subject ?? 200
  const length = [...draft.subject].length
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for the keys in its fields
    <fieldset
      className="app-form"
      disabled={disabled}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSubmit()
      }}
    >
      <AddressField
        label={compose.to}
        value={draft.to}
        onChange={to => onChange({ to })}
        error={problems.to}
        most={me?.server.limits.addresses ?? 100}
        isFirst={draft.to.length === 0}
      />
      <Field
        label={compose.subject}
        error={problems.subject}
        aside={length > most * NEARLY && <span aria-live="polite">{`${length} / ${most}`}</span>}
      >
        {attributes => (
          <input
            {...attributes}
            className="tidings-field"
            autoComplete="off"
            value={draft.subject}
            onChange={event => onChange({ subject: event.target.value })}
          />
        )}
      </Field>
      <BodyField
        label={compose.body}
        value={draft.body}
        onChange={body => onChange({ body })}
        error={problems.body}
      />
      <div className="app-form-options">
        <WhenField
          label={compose.sendAt}
          hint={compose.sendAtHint}
          none={compose.now}
          presets={['hour', 'tonight', 'tomorrow', 'monday']}
          value={draft.sendAt}
          onChange={sendAt => onChange({ sendAt })}
          error={problems.sendAt}
        />
        <WhenField
          label={compose.expires}
          hint={compose.expiresHint}
          none={compose.never}
          presets={['tomorrow', 'monday', 'week', 'month']}
          value={draft.expiresAt}
          onChange={expiresAt => onChange({ expiresAt })}
          error={problems.expiresAt}
        />
        <ReminderField
          value={draft.reminder}
          onChange={reminder => onChange({ reminder })}
          frequencies={data?.catalog?.reminderFrequencies ?? []}
          expiresAt={draft.expiresAt}
          mayDeactivate={me?.role === 'ADMIN'}
          error={problems.reminder}
        />
      </div>
      {isHost(me) && (
        <details className="app-form-more" open={draft.url !== '' || draft.actions.length > 0}>
          <summary>{compose.options}</summary>
          <div>
            <Field label={compose.url} hint={compose.urlHint} error={problems.url}>
              {attributes => (
                <input
                  {...attributes}
                  className="tidings-field"
                  inputMode="url"
                  value={draft.url}
                  onChange={event => onChange({ url: event.target.value })}
                />
              )}
            </Field>
            {!isPlanned && (
              <Field label={compose.category} error={problems.category}>
                {attributes => (
                  <select
                    {...attributes}
                    className="tidings-field"
                    value={draft.category ?? ''}
                    onChange={event => onChange({ category: event.target.value || null })}
                  >
                    <option value="">{compose.noCategory}</option>
                    {data?.catalog?.categories.map(({ key, label }) => (
                      <option key={key} value={key}>
                        {label}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
            )}
            <ActionsField
              value={draft.actions}
              onChange={actions => onChange({ actions })}
              error={problems.actions}
            />
          </div>
        </details>
      )}
    </fieldset>
  )
}

const NOTHING = {}

interface ActionsFieldProps {
  value: DraftAction[]
  onChange(value: DraftAction[]): void
  error?: string | undefined
}

/** The buttons that readers get. */
export function ActionsField({ value, onChange, error }: ActionsFieldProps) {
  const { compose, common } = useTexts()
  const change = (index: number, change: Partial<DraftAction>) =>
    onChange(
      value.map((action, other) => {
        if (other === index) return { ...action, ...change }
        // At most one is the main one.
        return change.isMain ? { ...action, isMain: false } : action
      }),
    )
  return (
    <fieldset className="app-actions">
      <legend>{compose.actions}</legend>
      {value.map((action, index) => (
        <div key={index} className="app-action">
          <input
            className="tidings-field"
            aria-label={`${compose.actionLabel} ${index + 1}`}
            placeholder={compose.actionLabel}
            value={action.label}
            onChange={event => change(index, { label: event.target.value })}
          />
          <input
            className="tidings-field"
            aria-label={`${compose.actionUrl} ${index + 1}`}
            placeholder="https://…"
            inputMode="url"
            value={action.url}
            onChange={event => change(index, { url: event.target.value })}
          />
          <label className="app-check">
            <input
              type="checkbox"
              checked={action.isMain}
              onChange={event => change(index, { isMain: event.target.checked })}
            />
            <span>{compose.actionMain}</span>
          </label>
          <IconButton
            label={common.remove(action.label || `${index + 1}`)}
            icon={<CloseIcon size="small" />}
            onClick={() => onChange(value.filter((_, other) => other !== index))}
          />
        </div>
      ))}
      {value.length < MOST_ACTIONS && (
        <Button
          kind="quiet"
          icon={<PlusIcon size="small" />}
          onClick={() => onChange([...value, { label: '', url: '', isMain: value.length === 0 }])}
        >
          {compose.addAction}
        </Button>
      )}
      {error && (
        <p className="app-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  )
}
