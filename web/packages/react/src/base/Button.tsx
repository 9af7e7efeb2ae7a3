import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactNode, Ref } from 'react'

interface Look {
  /** `main` for at most one of what stands together; `quiet` has no border. */
  kind?: 'main' | 'quiet' | 'danger'
  icon?: ReactNode
}

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> &
  Look & { ref?: Ref<HTMLButtonElement> }

export function Button({ kind, icon, children, ...rest }: ButtonProps) {
  return (
    <button type="button" className="tidings-button" part="button" data-kind={kind} {...rest}>
      {icon}
      {children}
    </button>
  )
}

/** A link that looks like a button, because it is the thing to do. */
export function ButtonLink({
  kind,
  icon,
  children,
  ...rest
}: AnchorHTMLAttributes<HTMLAnchorElement> & Look) {
  return (
    <a className="tidings-button" part="button" data-kind={kind} {...rest}>
      {icon}
      {children}
    </a>
  )
}

export type IconButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'aria-label'> & {
  /** What it does: its name, and what the tooltip shows. */
  label: string
  icon: ReactNode
  /** The key that does the same, for the tooltip. */
  shortcut?: string
  size?: 'small'
  ref?: Ref<HTMLButtonElement>
}

/** A button of which one sees only the icon. */
export function IconButton({ label, icon, shortcut, size, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      className="tidings-icon-button"
      part="icon-button"
      aria-label={label}
      data-tip={label}
      data-tip-key={shortcut}
      data-size={size}
      {...rest}
    >
      {icon}
    </button>
  )
}
