import type { ReactNode } from 'react'

export interface EmptyStateProps {
  title: string
  children?: ReactNode
  /** Something to do about it. */
  action?: ReactNode
  picture?: ReactNode
}

/** Where there is nothing: why, in a sentence. */
export function EmptyState({ title, children, action, picture }: EmptyStateProps) {
  return (
    <div className="tidings-empty" part="empty">
      {picture}
      <h2>{title}</h2>
      {children ? <p>{children}</p> : null}
      {action}
    </div>
  )
}
