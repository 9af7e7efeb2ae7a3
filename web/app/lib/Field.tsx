import { useId, type ReactNode } from 'react'
import './field.css'

interface FieldProps {
  label: string
  hint?: string | undefined
  error?: string | undefined
  /** Beside the label, such as a counter. */
  aside?: ReactNode
  /** The input, with the attributes that connect it to what stands around it. */
  children(attributes: FieldAttributes): ReactNode
}

export interface FieldAttributes {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

/** A label, an input, and what there is to say about it. */
export function Field({ label, hint, error, aside, children }: FieldProps) {
  const id = useId()
  const says = error ?? hint
  return (
    <div className="app-field" data-error={error ? '' : undefined}>
      <div className="app-field-head">
        <label htmlFor={id}>{label}</label>
        {aside}
      </div>
      {children({
        id,
        'aria-describedby': says ? `${id}-says` : undefined,
        'aria-invalid': error ? true : undefined,
      })}
      {says && (
        <p id={`${id}-says`} className="app-field-says" role={error ? 'alert' : undefined}>
          {says}
        </p>
      )}
    </div>
  )
}
