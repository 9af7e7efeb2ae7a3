/** What somebody hears of, what they follow, and how dates and titles are for them. */

import { type ReactNode, useId, useState } from 'react'
import type { TidingsError } from '@tidings/client'
import { Button, IconButton } from '../base/Button'
import { BackIcon, CloseIcon } from '../base/Icon'
import { Skeleton, usePatience } from '../base/Skeleton'
import { useCatalog } from '../catalog'
import { useTidingsContext } from '../context'
import {
  ChooseActionsDocument,
  PreferencesDocument,
  UpdateViewerDocument,
} from '../generated/documents'
import { useDocument } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'
import { useReason } from '../useReason'
import { Following } from './Following'
import { Switch } from './Switch'

export interface PreferencesProps {
  onClose?: () => void
  /** More settings of the host, at the end. */
  children?: ReactNode
}

export function Preferences({ onClose, children }: PreferencesProps) {
  const labels = useLabels()
  const { data, error, isLoading, retry, change } = useDocument(PreferencesDocument)
  const catalog = useCatalog()
  const isLong = usePatience(isLoading)
  const { singleKeys, setSingleKeys, client, toasts } = useTidingsContext()
  // Shown before the server has agreed.
  const [wanted, setWanted] = useState<Record<string, boolean | undefined>>({})
  const viewer = data?.viewer
  const settings = viewer?.subscriptionConfig?.settings ?? []

  const reasonOf = useReason()
  const save = async (job: () => Promise<void>) => {
    try {
      await job()
      toasts.show({ id: 'saved', title: labels.saved, milliseconds: 2500 })
    } catch (cause) {
      toasts.show({ id: 'saved', title: labels.saveFailed, text: reasonOf(cause as TidingsError) })
    }
  }
  const choose = (action: string, enabled: boolean | null) =>
    save(async () => {
      const input = { settings: [{ action, enabled }] }
      setWanted(before => ({ ...before, [action]: enabled ?? undefined }))
      const { updateSubscriptionConfig } = await client
        .request(ChooseActionsDocument, { input })
        .finally(() => setWanted(before => ({ ...before, [action]: undefined })))
      const subscriptionConfig = updateSubscriptionConfig?.subscriptionConfig
      if (viewer && subscriptionConfig) change({ viewer: { ...viewer, subscriptionConfig } })
    })
  const update = (input: { locale?: string; timeZone?: string }) =>
    save(async () => {
      const { updateViewer } = await client.request(UpdateViewerDocument, { input })
      if (viewer && updateViewer) change({ viewer: { ...viewer, ...updateViewer.user } })
      client.inbox.refreshOwner()
    })

  return (
    <article className="tidings-preferences" part="preferences">
      <div className="tidings-pane-bar">
        {onClose ? <IconButton label={labels.back} icon={<BackIcon />} onClick={onClose} /> : null}
        <h2>{labels.preferences}</h2>
        <span className="tidings-space" />
        {onClose ? (
          <IconButton label={labels.close} icon={<CloseIcon />} onClick={onClose} />
        ) : null}
      </div>
      <div className="tidings-pane-scroll">
        {isLong ? <Skeleton lines={8} /> : null}
        {error && !data ? <Failed error={error} onRetry={retry} /> : null}
        {settings.length > 0 ? (
          <Part title={labels.hearOf} hint={labels.hearOfHint}>
            {settings.map(({ action, label, enabled, isDefault }) => (
              <Switch
                key={action}
                label={label}
                isOn={wanted[action] ?? enabled}
                onChange={on => void choose(action, on)}
              >
                {isDefault ? (
                  <span className="tidings-chip">{labels.byDefault}</span>
                ) : (
                  <Button kind="quiet" onClick={() => void choose(action, null)}>
                    {labels.restoreDefault}
                  </Button>
                )}
              </Switch>
            ))}
          </Part>
        ) : null}
        <Part title={labels.following}>
          <Following canUnfollow={catalog.peopleSubscribe} reasonLabel={catalog.reason} />
        </Part>
        {viewer ? (
          <Part title={labels.languageAndTime}>
            <Choice
              label={labels.language}
              value={viewer.locale ?? ''}
              text={viewer.locale ? languageName(viewer.locale) : undefined}
              options={LANGUAGES.map(tag => ({ value: tag, text: languageName(tag) }))}
              hint={catalog.peopleEdit.includes('LOCALE') ? undefined : labels.managedByHost}
              onChange={locale => void update({ locale })}
            />
            <Choice
              label={labels.timeZone}
              value={viewer.timeZone ?? ''}
              options={zones().map(zone => ({ value: zone, text: zone.replaceAll('_', ' ') }))}
              hint={catalog.peopleEdit.includes('TIME_ZONE') ? undefined : labels.managedByHost}
              onChange={timeZone => void update({ timeZone })}
            />
          </Part>
        ) : null}
        <Part title={labels.shortcuts}>
          <Switch
            label={labels.singleKeys}
            hint={labels.singleKeysHint}
            isOn={singleKeys}
            onChange={setSingleKeys}
          />
        </Part>
        {children}
      </div>
    </article>
  )
}

function Part({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  return (
    <section className="tidings-part">
      <h3>{title}</h3>
      {hint ? <p className="tidings-meta">{hint}</p> : null}
      <div className="tidings-settings">{children}</div>
    </section>
  )
}

interface ChoiceProps {
  label: string
  value: string
  options: readonly { value: string; text: string }[]
  /** What the value is called, if it is none of these. */
  text?: string
  /** Why it cannot be changed here. */
  hint?: string
  onChange: (value: string) => void
}

function Choice({ label, value, text, options, hint, onChange }: ChoiceProps) {
  const id = useId()
  const isKnown = options.some(option => option.value === value)
  return (
    <div className="tidings-setting">
      <div>
        <label htmlFor={id}>{label}</label>
        {hint ? <p id={`${id}-hint`}>{hint}</p> : null}
      </div>
      <select
        id={id}
        className="tidings-field"
        value={value}
        disabled={hint !== undefined}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={event => onChange(event.target.value)}
      >
        {isKnown ? null : <option value={value}>{text ?? value}</option>}
        {options.map(option => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  )
}

/** Those in which the server makes titles. */
const LANGUAGES = ['en', 'de']

function languageName(tag: string) {
  return new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag
}

function zones() {
  return ['UTC', ...Intl.supportedValuesOf('timeZone').filter(zone => zone !== 'UTC')]
}
