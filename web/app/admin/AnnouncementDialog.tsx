// A new announcement, or a change of one.

import { AnnouncementPreview, AnnouncementText, Button, Dialog, useNow } from '@tidings/react'
import type { TidingsError } from '@tidings/client'
import { useId, useState } from 'react'
import { BodyField } from '../compose/BodyField'
import type { DraftAction } from '../compose/draft'
import { ActionsField } from '../compose/MessageForm'
import {
  AnnounceDocument,
  ChangeAnnouncementDocument,
  ComposeCatalogDocument,
  type AnnouncementFieldsFragment,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { Field } from '../lib/Field'
import { tell } from '../lib/happened'
import { newKey } from '../lib/key'
import { useNotices } from '../lib/notices'
import { useQuery } from '../lib/query'
import { WhenField } from '../lib/WhenField'
import { Problem } from '../lib/Problem'
import { useTexts } from '../texts'
import '../compose/form.css'

interface AnnouncementDialogProps {
  /** Undefined: a new one. */
  announcement: AnnouncementFieldsFragment | undefined
  onClose(): void
}

const NOTHING = {}
const FIELDS = ['title', 'body', 'url', 'actions', 'category', 'publishAt', 'expiresAt'] as const

export function AnnouncementDialog({ announcement, onClose }: AnnouncementDialogProps) {
  const { admin, compose, common } = useTexts()
  const { announcements } = admin
  const { tidings, me } = useApp()
  const notices = useNotices()
  const catalog = useQuery(ComposeCatalogDocument, NOTHING).data?.catalog
  const now = useNow()
  const isPublished = announcement !== undefined && Date.parse(announcement.publishedAt) <= now
  // One for each form that was opened: a second click does not announce it twice.
  const [idempotencyKey] = useState(() => newKey())
  const [title, setTitle] = useState(announcement?.title ?? '')
  const [body, setBody] = useState(announcement?.body ?? '')
  const [url, setUrl] = useState(announcement?.url ?? '')
  const [category, setCategory] = useState(announcement?.category ?? '')
  const [publishAt, setPublishAt] = useState(
    announcement && !isPublished ? announcement.publishedAt : null,
  )
  const [expiresAt, setExpiresAt] = useState(announcement?.expiresAt ?? null)
  const [actions, setActions] = useState<DraftAction[]>(
    announcement?.actions.map(({ label, url, isMain }) => ({ label, url, isMain })) ?? [],
  )
  const preview = useId()
  const [isSaving, setSaving] = useState(false)
  const [isChecked, setChecked] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const field = FIELDS.find(name => error?.field?.split(/[.[\]]+/).includes(name))
  const problem = (name: (typeof FIELDS)[number]) => (field === name ? error?.message : undefined)
  const missing = isChecked && !title.trim() ? compose.needSubject : undefined

  const save = async () => {
    setChecked(true)
    if (!title.trim()) return
    setSaving(true)
    setError(undefined)
    const content = {
      title: title.trim(),
      body,
      url: url.trim() || null,
      actions: actions.length === 0 ? null : actions,
      expiresAt,
    }
    try {
      if (announcement === undefined) {
        const input = { ...content, publishAt, category: category || null, idempotencyKey }
        await tidings.request(AnnounceDocument, { input })
      } else {
        const change = isPublished ? {} : { publishAt: publishAt ?? new Date().toISOString() }
        const input = { announcementId: announcement.id, ...content, ...change }
        await tidings.request(ChangeAnnouncementDocument, { input })
      }
      tell('announcements')
      const done =
        announcement !== undefined
          ? announcements.changed
          : publishAt === null
            ? announcements.published
            : announcements.planned
      notices.show({ id: 'announcement', title: done })
      onClose()
    } catch (failure) {
      setError(failure as TidingsError)
      setSaving(false)
    }
  }
  const action =
    announcement !== undefined
      ? common.save
      : publishAt === null
        ? announcements.announce
        : announcements.plan
  return (
    <Dialog
      title={announcement === undefined ? announcements.new : announcements.edit}
      size="wide"
      onClose={onClose}
      actions={
        <Button kind="main" disabled={isSaving} onClick={() => void save()}>
          {action}
        </Button>
      }
    >
      <fieldset className="app-form" disabled={isSaving}>
        {error && !field && <Problem error={error} />}
        <Field label={announcements.headline} error={missing ?? problem('title')}>
          {attributes => (
            <input
              {...attributes}
              className="tidings-field"
              autoComplete="off"
              maxLength={me?.server.limits.subject}
              value={title}
              onChange={event => setTitle(event.target.value)}
            />
          )}
        </Field>
        <BodyField
          label={compose.body}
          value={body}
          onChange={setBody}
          error={problem('body')}
          Text={AnnouncementText}
        />
        <div className="app-form-options">
          {!isPublished && (
            <WhenField
              label={announcements.publish}
              hint={announcements.publishHint}
              none={announcements.publishNow}
              presets={['hour', 'tonight', 'tomorrow', 'monday']}
              value={publishAt}
              onChange={setPublishAt}
              error={problem('publishAt')}
            />
          )}
          <WhenField
            label={compose.expires}
            hint={compose.expiresHint}
            none={compose.never}
            presets={['tomorrow', 'monday', 'week', 'month']}
            value={expiresAt}
            onChange={setExpiresAt}
            error={problem('expiresAt')}
          />
          <Field label={compose.url} hint={compose.urlHint} error={problem('url')}>
            {attributes => (
              <input
                {...attributes}
                className="tidings-field"
                inputMode="url"
                value={url}
                onChange={event => setUrl(event.target.value)}
              />
            )}
          </Field>
          {announcement === undefined && (
            <Field label={compose.category} error={problem('category')}>
              {attributes => (
                <select
                  {...attributes}
                  className="tidings-field"
                  value={category}
                  onChange={event => setCategory(event.target.value)}
                >
                  <option value="">{compose.noCategory}</option>
                  {catalog?.categories.map(({ key, label }) => (
                    <option key={key} value={key}>
                      {label}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
          <ActionsField value={actions} onChange={setActions} error={problem('actions')} />
        </div>
      </fieldset>
      <section className="app-inbox-preview" aria-labelledby={preview}>
        <h3 id={preview}>{announcements.preview}</h3>
        <AnnouncementPreview
          title={title.trim() || announcements.headline}
          body={body}
          url={url.trim() || null}
          actions={actions.filter(({ label }) => label)}
          category={category || null}
          author={announcement ? announcement.author : (me?.viewer ?? null)}
          expiresAt={expiresAt}
        />
      </section>
    </Dialog>
  )
}
