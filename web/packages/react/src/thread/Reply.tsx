import { type FormEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import type { Message, ThreadStore, TidingsError } from '@tidings/client'
import { Button } from '../base/Button'
import { SendIcon } from '../base/Icon'
import { Tabs } from '../base/Tabs'
import { useTidingsContext } from '../context'
import { useLabels } from '../labels/context'
import { FormatBar } from '../later'
import { useReason } from '../useReason'
import { Markdown } from '../markdown/Markdown'
import { type Draft, emptyDraft, keepDraft, readDraft } from './drafts'

export interface ReplyProps {
  /** Whose draft it is. */
  person: string
  /** Its body may still be loading. */
  parent: Pick<Message, 'id' | 'sender'> & Partial<Pick<Message, 'body'>>
  thread: ThreadStore
  /** The field gets the focus whenever it grows. */
  request: number
  onDone: () => void
}

/** Writes a reply. What is written is kept until it is sent or discarded. */
export function Reply({ person, parent, thread, request, onDone }: ReplyProps) {
  const labels = useLabels()
  const reasonOf = useReason()
  const { announce, toasts } = useTidingsContext()
  const [draft, setDraft] = useState<Draft>(() => readDraft(person, parent.id) ?? emptyDraft())
  const [tab, setTab] = useState<'write' | 'preview'>('write')
  const [isSending, setSending] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const [isOpen, setOpen] = useState(draft.body !== '')
  const field = useRef<HTMLTextAreaElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const id = useId()
  const name = parent.sender?.name ?? labels.system

  const change = (changed: Partial<Draft>) => {
    const next = { ...draft, ...changed }
    setDraft(next)
    keepDraft(person, parent.id, next)
  }
  // It has grown: all of it is to be seen, unless it was open from the beginning.
  const wasOpen = useRef(isOpen)
  useEffect(() => {
    if (isOpen && !wasOpen.current) form.current?.scrollIntoView({ block: 'nearest' })
    wasOpen.current = isOpen
  }, [isOpen])
  const asked = useRef(0)
  // At once: the next key is for the field.
  useLayoutEffect(() => {
    if (request === asked.current) return
    asked.current = request
    field.current?.focus()
  }, [request])

  const discard = () => {
    keepDraft(person, parent.id, emptyDraft())
    setDraft(emptyDraft())
    setError(undefined)
    setOpen(false)
    onDone()
  }
  const send = async (event?: FormEvent) => {
    event?.preventDefault()
    if (isSending || !draft.body.trim()) return
    setSending(true)
    setError(undefined)
    try {
      const { body, scope, key: idempotencyKey } = draft
      await thread.reply({ parentId: parent.id, body, scope, idempotencyKey })
      discard()
      announce(labels.sent)
      toasts.show({ id: 'reply', title: labels.sent })
    } catch (cause) {
      setError(cause as TidingsError)
    } finally {
      setSending(false)
    }
  }
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for the keys in its field
    <form
      ref={form}
      className="tidings-reply"
      part="reply"
      data-open={isOpen || undefined}
      aria-label={labels.replyTo(name)}
      onSubmit={event => void send(event)}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void send()
        if (event.key === 'Escape') {
          // Out of the field first; the next Escape is for the pane.
          event.stopPropagation()
          field.current?.blur()
        }
      }}
    >
      {isOpen ? (
        <Tabs
          label={labels.reply}
          current={tab}
          onChange={setTab}
          tabs={[
            { key: 'write', label: labels.write },
            { key: 'preview', label: labels.preview },
          ]}
        >
          {tab === 'write' ? null : (
            <div className="tidings-reply-preview">
              {draft.body.trim() ? <Markdown text={draft.body} /> : labels.nothingToPreview}
            </div>
          )}
        </Tabs>
      ) : null}
      <label className="tidings-hidden" htmlFor={id}>
        {labels.replyTo(name)}
      </label>
      <textarea
        ref={field}
        id={id}
        className="tidings-field"
        dir="auto"
        rows={isOpen ? 4 : 1}
        hidden={tab === 'preview' && isOpen}
        placeholder={isOpen ? labels.replyPlaceholder : labels.replyTo(name)}
        value={draft.body}
        aria-describedby={error ? `${id}-error` : undefined}
        onFocus={() => setOpen(true)}
        onChange={event => change({ body: event.target.value })}
      />
      {isOpen && tab === 'write' ? <FormatBar field={field} said={parent.body} /> : null}
      {error ? (
        <p id={`${id}-error`} className="tidings-error" role="alert">
          {reasonOf(error)} {error.requestId ? labels.requestId(error.requestId) : null}
        </p>
      ) : null}
      {isOpen ? (
        <div className="tidings-reply-foot">
          <fieldset className="tidings-scope">
            <legend className="tidings-hidden">{labels.replyScope}</legend>
            {(['EVERYONE', 'SENDER'] as const).map(scope => (
              <label key={scope}>
                <input
                  type="radio"
                  name={id}
                  checked={draft.scope === scope}
                  onChange={() => change({ scope })}
                />
                <span>{scope === 'EVERYONE' ? labels.everyone : labels.senderOnly(name)}</span>
              </label>
            ))}
          </fieldset>
          <span className="tidings-space" />
          <Button kind="quiet" onClick={discard}>
            {labels.discard}
          </Button>
          <Button
            type="submit"
            kind="main"
            icon={<SendIcon size="small" />}
            disabled={isSending || !draft.body.trim()}
          >
            {isSending ? labels.sending : labels.send}
          </Button>
        </div>
      ) : null}
    </form>
  )
}
