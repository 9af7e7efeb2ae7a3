import { Button, Dialog } from '@tidings/react'
import { useTexts } from '../texts'

interface ConfirmProps {
  title: string
  text: string
  action: string
  /** What the other button says; "Cancel" if omitted. */
  keep?: string
  onConfirm(): void
  onClose(): void
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, text, action, keep, onConfirm, onClose }: ConfirmProps) {
  const { common } = useTexts()
  const confirm = () => {
    onClose()
    onConfirm()
  }
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{keep ?? common.cancel}</Button>
          <Button kind="danger" onClick={confirm}>
            {action}
          </Button>
        </>
      }
    >
      <p>{text}</p>
    </Dialog>
  )
}
