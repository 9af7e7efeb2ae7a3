import { type ReactNode, useId } from 'react'

export interface SwitchProps {
  label: string
  hint?: ReactNode
  isOn: boolean
  onChange: (isOn: boolean) => void
  disabled?: boolean
  /** Stands before the switch. */
  children?: ReactNode
}

/** Something that is on or off, on a line of its own. */
export function Switch({ label, hint, isOn, onChange, disabled, children }: SwitchProps) {
  const id = useId()
  return (
    <div className="tidings-setting">
      <div>
        <label htmlFor={id}>{label}</label>
        {hint ? <p id={`${id}-hint`}>{hint}</p> : null}
      </div>
      {children}
      <input
        id={id}
        type="checkbox"
        role="switch"
        className="tidings-switch"
        aria-checked={isOn}
        aria-describedby={hint ? `${id}-hint` : undefined}
        checked={isOn}
        disabled={disabled}
        onChange={event => onChange(event.target.checked)}
      />
    </div>
  )
}
