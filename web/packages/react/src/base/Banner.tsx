import type { ReactNode } from 'react'

export interface BannerProps {
  kind?: 'warning' | 'danger' | 'good'
  icon?: ReactNode
  action?: ReactNode
  children: ReactNode
}

/** One line above what it is about. */
export function Banner({ kind, icon, action, children }: BannerProps) {
  return (
    <div className="tidings-banner" part="banner" data-kind={kind}>
      {icon}
      <p>{children}</p>
      {action}
    </div>
  )
}
