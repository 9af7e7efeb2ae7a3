import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react'
import { useTidingsContext } from '../context'
import { useLabels } from '../labels/context'
import { IconButton } from './Button'
import { CloseIcon } from './Icon'

export interface DialogProps {
  title: string
  onClose: () => void
  /** Buttons at the end. */
  actions?: ReactNode
  size?: 'wide'
  children: ReactNode
}

/**
 * A modal dialog while it is rendered. The browser keeps the focus in it, closes it with Escape and
 * gives the focus back.
 */
export function Dialog({ title, onClose, actions, size, children }: DialogProps) {
  const labels = useLabels()
  const { toasts } = useTidingsContext()
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const element = dialog.current
    const root = element?.getRootNode() as Document | ShadowRoot | undefined
    const before = root?.activeElement
    element?.showModal()
    return () => {
      element?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  // All else is inert meanwhile. Before the dialog is taken out of the page, they leave it.
  useLayoutEffect(() => (dialog.current ? toasts.showIn(dialog.current) : undefined), [toasts])
  return (
    // A click on the dialog itself is one on its backdrop: all else in it is in its parts.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events -- Escape does the same
    <dialog
      ref={dialog}
      className="tidings tidings-dialog"
      part="dialog"
      data-size={size}
      aria-labelledby={heading}
      onCancel={event => {
        event.preventDefault()
        onClose()
      }}
      onClick={event => {
        if (event.target === event.currentTarget) onClose()
      }}
    >
      <div className="tidings-dialog-head">
        <h2 id={heading}>{title}</h2>
        {/* It often has the focus at first; a tooltip would cover what is below it. */}
        <IconButton
          label={labels.close}
          icon={<CloseIcon />}
          onClick={onClose}
          data-tip={undefined}
        />
      </div>
      <div className="tidings-dialog-body">{children}</div>
      {actions ? <div className="tidings-dialog-foot">{actions}</div> : null}
    </dialog>
  )
}
