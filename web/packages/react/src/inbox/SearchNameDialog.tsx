import { useId, useState } from 'react'
import { Button } from '../base/Button'
import { Dialog } from '../base/Dialog'
import { useLabels } from '../labels/context'
import { LONGEST_NAME } from './searches'

export interface SearchNameDialogProps {
  title: string
  /** What it is called if nothing else is typed. */
  name: string
  onSave: (name: string) => void
  onClose: () => void
}

/** Asks for the name of a search. */
export function SearchNameDialog({
  title,
  name: suggested,
  onSave,
  onClose,
}: SearchNameDialogProps) {
  const labels = useLabels()
  const field = useId()
  const [name, setName] = useState(suggested.slice(0, LONGEST_NAME))
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="tidings-date"
        onSubmit={event => {
          event.preventDefault()
          if (name.trim()) onSave(name.trim())
        }}
      >
        <label htmlFor={field}>{labels.searchName}</label>
        <input
          id={field}
          // React's autoFocus comes before the dialog is shown; the dialog looks at the attribute.
          ref={input => void input?.toggleAttribute('autofocus', true)}
          type="text"
          className="tidings-field"
          maxLength={LONGEST_NAME}
          autoComplete="off"
          value={name}
          onChange={event => setName(event.target.value)}
          onFocus={event => event.target.select()}
        />
        <Button type="submit" kind="main" disabled={!name.trim()}>
          {labels.save}
        </Button>
      </form>
    </Dialog>
  )
}
