// Changing when a sent message expires, and how it reminds.

import { Button, Dialog } from '@tidings/react'
import type { TidingsError } from '@tidings/client'
import { useState } from 'react'
import { ChangeMessageDocument, ComposeCatalogDocument } from '../generated/documents'
import type { UpdateMessageInput } from '../generated/documents'
import { fieldOf } from '../compose/draft'
import { draftOf } from '../compose/planned'
import { ReminderField } from '../compose/ReminderField'
import { useApp } from '../lib/app'
import { Confirm } from '../lib/Confirm'
import { tell } from '../lib/happened'
import { useNotices } from '../lib/notices'
import { useQuery } from '../lib/query'
import { WhenField } from '../lib/WhenField'
import { Problem } from '../lib/Problem'
import { useTexts } from '../texts'
import type { SentMessage } from './SentDetail'
import '../compose/form.css'

interface ChangeDialogProps {
  message: SentMessage
  what: 'expiry' | 'reminder'
  onClose(): void
}

export function ChangeDialog({ message, what, onClose }: ChangeDialogProps) {
  const { sent, common, compose } = useTexts()
  const { tidings, me } = useApp()
  const notices = useNotices()
  const { data } = useQuery(ComposeCatalogDocument, NOTHING)
  const [expiresAt, setExpiresAt] = useState(message.expiresAt)
  const [reminder, setReminder] = useState(() => draftOf(message).reminder)
  const [error, setError] = useState<TidingsError>()
  const [isTakingBack, setTakingBack] = useState(false)

  const change = async (change: Omit<UpdateMessageInput, 'messageId'>) => {
    try {
      await tidings.request(ChangeMessageDocument, { input: { messageId: message.id, ...change } })
      tell('messages')
      notices.show({ id: 'changed', title: sent.changed })
      onClose()
    } catch (failure) {
      setError(failure as TidingsError)
    }
  }
  const field = fieldOf(error?.field)
  const isExpiry = what === 'expiry'
  return (
    <Dialog
      title={isExpiry ? sent.changeExpiry : sent.changeReminder}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button kind="main" onClick={() => void change(isExpiry ? { expiresAt } : { reminder })}>
            {common.save}
          </Button>
        </>
      }
    >
      <div className="app-form">
        {error && !field && <Problem error={error} />}
        {isExpiry ? (
          <>
            <WhenField
              label={compose.expires}
              hint={compose.expiresHint}
              none={compose.never}
              presets={['tomorrow', 'monday', 'week', 'month']}
              value={expiresAt}
              onChange={setExpiresAt}
              error={field && error?.message}
            />
            <p className="app-aside">
              {sent.expireNowText}{' '}
              <Button kind="quiet" onClick={() => setTakingBack(true)}>
                {sent.expireNow}
              </Button>
            </p>
          </>
        ) : (
          <>
            <ReminderField
              value={reminder}
              onChange={setReminder}
              frequencies={data?.catalog?.reminderFrequencies ?? []}
              expiresAt={message.expiresAt}
              mayDeactivate={me?.role === 'ADMIN'}
              error={field && error?.message}
            />
            {reminder && <p className="app-aside">{sent.reminderCounts}</p>}
          </>
        )}
      </div>
      {isTakingBack && (
        <Confirm
          title={sent.expireNow}
          text={sent.expireNowText}
          action={sent.expireNow}
          onConfirm={() => void change({ expiresAt: new Date().toISOString() })}
          onClose={() => setTakingBack(false)}
        />
      )}
    </Dialog>
  )
}

const NOTHING = {}
