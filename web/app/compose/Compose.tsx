// Writing a message, or changing one that is planned: `?compose=new`, `?compose=<id>`.

import { Banner, Button, Dialog, OfflineIcon } from '@tidings/react'
import { useState, useSyncExternalStore } from 'react'
import { ChangeMessageDocument, SentMessageDocument } from '../generated/documents'
import type { TidingsError } from '@tidings/client'
import { isHost, useApp, type Me } from '../lib/app'
import { Failure } from '../lib/Failure'
import { tell } from '../lib/happened'
import { Link } from '../lib/Link'
import { useNotices } from '../lib/notices'
import { Problem } from '../lib/Problem'
import { useQuery } from '../lib/query'
import { href } from '../lib/router'
import { useTexts } from '../texts'
import { changeOf, isBlank, type Draft } from './draft'
import { draftOf } from './planned'
import { MessageForm } from './MessageForm'
import { useOutbox } from './OutboxContext'
import { problemOf, problemsOf, type Problems } from './problems'

const SEND_KEYS = 'Control+Enter Meta+Enter'

/** The keys that send, for those who have any. */
function SendKeys() {
  const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent)
  return (
    <kbd className="tidings-kbd app-compose-keys" aria-hidden="true">
      {isMac ? '⌘ ↵' : 'Ctrl ↵'}
    </kbd>
  )
}

/** Goes to the first input that has an error, once it is shown. */
function focusOnProblem() {
  requestAnimationFrame(() =>
    document.querySelector<HTMLElement>('dialog [aria-invalid=true]')?.focus(),
  )
}

interface ComposeProps {
  id: string
  onClose(): void
}

export default function Compose({ id, onClose }: ComposeProps) {
  const { me } = useApp()
  if (!me) return null
  if (id !== 'new') return <Planned id={id} me={me} onClose={onClose} />
  return <NewMessage me={me} onClose={onClose} />
}

function NewMessage({ me, onClose }: { me: Me; onClose(): void }) {
  const texts = useTexts()
  const { compose } = texts
  const outbox = useOutbox()
  const notices = useNotices()
  const { draft, isWaiting, error } = useSyncExternalStore(outbox.subscribe, outbox.get)
  const [isChecked, setChecked] = useState(false)

  const found = problemsOf(draft, me, texts)
  const refused = error && problemOf(error)
  const problems: Problems = { ...(isChecked && found), ...refused }
  const isReused = error?.code === 'IDEMPOTENCY_KEY_REUSED'

  const send = () => {
    setChecked(true)
    if (Object.keys(found).length === 0) void outbox.send()
    else focusOnProblem()
  }
  const discard = () => {
    outbox.discard()
    onClose()
    notices.show({
      id: 'draft',
      title: compose.discarded,
      milliseconds: 8_000,
      action: { label: compose.undo, onSelect: () => outbox.restore(draft) },
    })
  }
  const mayWrite = isHost(me) || me.server.addressBook !== 'NOBODY'
  if (!mayWrite) {
    return (
      <Dialog title={compose.title} onClose={onClose}>
        <p>{compose.nobody}</p>
      </Dialog>
    )
  }
  const actions = (
    <>
      <span className="app-compose-foot">
        {!isBlank(draft) && !draft.isSending && (
          <>
            <Button kind="quiet" onClick={discard}>
              {compose.discard}
            </Button>
            <span>{compose.draftKept}</span>
          </>
        )}
      </span>
      {draft.isSending ? (
        <>
          {isWaiting && <Button onClick={() => outbox.stop()}>{compose.stopWaiting}</Button>}
          <Button kind="main" disabled>
            {compose.sending}
          </Button>
        </>
      ) : (
        <>
          <SendKeys />
          <Button kind="main" aria-keyshortcuts={SEND_KEYS} onClick={send}>
            {draft.sendAt === null ? compose.send : compose.plan}
          </Button>
        </>
      )}
    </>
  )
  return (
    <Dialog title={compose.title} size="wide" onClose={onClose} actions={actions}>
      <div aria-live="polite">
        {isWaiting && (
          <div className="app-compose-says">
            <Banner kind="warning" icon={<OfflineIcon />}>
              {compose.waiting}
            </Banner>
          </div>
        )}
        {error && !refused && (
          <div className="app-compose-says">
            <Banner
              kind={isReused ? 'warning' : 'danger'}
              action={
                isReused && <Button onClick={() => outbox.renew()}>{compose.reusedNew}</Button>
              }
            >
              {isReused ? (
                <>
                  {compose.reused} <Link href={href('sent')}>{compose.reusedLook}</Link>
                </>
              ) : (
                error.message
              )}
            </Banner>
          </div>
        )}
      </div>
      <MessageForm
        draft={draft}
        onChange={change => outbox.change(change)}
        problems={problems}
        disabled={draft.isSending}
        onSubmit={send}
      />
    </Dialog>
  )
}

function Planned({ id, me, onClose }: { id: string; me: Me; onClose(): void }) {
  const { compose, sent } = useTexts()
  const { data, error, reload } = useQuery(SentMessageDocument, { id })
  const message = data?.message
  return (
    <>
      {message?.sendAt ? (
        <PlannedForm key={message.id} id={id} me={me} before={draftOf(message)} onClose={onClose} />
      ) : (
        (data || error) && (
          <Dialog title={compose.titlePlanned} onClose={onClose}>
            {error ? <Failure error={error} onRetry={reload} /> : <p>{sent.gone}</p>}
          </Dialog>
        )
      )}
    </>
  )
}

interface PlannedFormProps {
  id: string
  me: Me
  before: Draft
  onClose(): void
}

/** What is changed here is not kept: the server has the message. */
function PlannedForm({ id, me, before, onClose }: PlannedFormProps) {
  const texts = useTexts()
  const { compose } = texts
  const { tidings } = useApp()
  const notices = useNotices()
  const [first] = useState(before)
  const [draft, setDraft] = useState(before)
  const [isChecked, setChecked] = useState(false)
  const [isSaving, setSaving] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const found = problemsOf(draft, me, texts)
  const refused = error && problemOf(error)

  const save = async () => {
    setChecked(true)
    if (Object.keys(found).length > 0) return focusOnProblem()
    setSaving(true)
    try {
      const input = changeOf(id, draft, first, isHost(me))
      await tidings.request(ChangeMessageDocument, { input })
      tell('messages')
      notices.show({ id: 'planned', title: draft.sendAt ? compose.saved : compose.sent })
      onClose()
    } catch (failure) {
      setError(failure as TidingsError)
      setSaving(false)
    }
  }
  const actions = (
    <>
      <SendKeys />
      <Button
        kind="main"
        disabled={isSaving}
        aria-keyshortcuts={SEND_KEYS}
        onClick={() => void save()}
      >
        {draft.sendAt === null ? compose.sendNow : compose.saveChanges}
      </Button>
    </>
  )
  return (
    <Dialog title={compose.titlePlanned} size="wide" onClose={onClose} actions={actions}>
      {error && !refused && (
        <div className="app-compose-says">
          <Problem error={error} />
        </div>
      )}
      <MessageForm
        draft={draft}
        onChange={change => {
          setDraft(draft => ({ ...draft, ...change }))
          setError(undefined)
        }}
        problems={{ ...(isChecked && found), ...refused }}
        disabled={isSaving}
        onSubmit={() => void save()}
        isPlanned
      />
    </Dialog>
  )
}
