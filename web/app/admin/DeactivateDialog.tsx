import type { TidingsError } from '@tidings/client'
import { Button, Dialog, useReason } from '@tidings/react'
import { useState } from 'react'
import { DeactivateAccountDocument, type AccountFieldsFragment } from '../generated/documents'
import { useApp } from '../lib/app'
import { Field } from '../lib/Field'
import { useTexts } from '../texts'
import '../compose/form.css'

/** The most characters that the server takes. */
const LONGEST_REASON = 500

interface DeactivateDialogProps {
  account: AccountFieldsFragment
  onDone(account: AccountFieldsFragment): void
  onClose(): void
}

/** Asks before somebody is shut out, and for the reason, which may be left out. */
export function DeactivateDialog({ account, onDone, onClose }: DeactivateDialogProps) {
  const { admin, common } = useTexts()
  const { people } = admin
  const { tidings } = useApp()
  const reasonOf = useReason()
  const [reason, setReason] = useState('')
  const [isSending, setSending] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const { id, name } = account
  const deactivate = async () => {
    setSending(true)
    try {
      const input = { user: { id }, reason: reason.trim() || null }
      const { deactivateUser } = await tidings.request(DeactivateAccountDocument, { input })
      if (!deactivateUser) return
      onClose()
      onDone(deactivateUser.user)
    } catch (failure) {
      setError(failure as TidingsError)
      setSending(false)
    }
  }
  return (
    <Dialog
      title={people.deactivateTitle(name)}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button kind="danger" disabled={isSending} onClick={() => void deactivate()}>
            {people.deactivate}
          </Button>
        </>
      }
    >
      <div className="app-form">
        <p>{people.deactivateText}</p>
        <Field
          label={people.deactivateReason}
          hint={people.deactivateReasonHint}
          error={error && reasonOf(error)}
        >
          {attributes => (
            <input
              {...attributes}
              className="tidings-field"
              autoComplete="off"
              maxLength={LONGEST_REASON}
              value={reason}
              onChange={event => setReason(event.target.value)}
            />
          )}
        </Field>
      </div>
    </Dialog>
  )
}
