import type { TidingsError } from '@tidings/client'
import { Button } from '../base/Button'
import { useLabels } from '../labels/context'
import { OfflineIcon, WarningIcon } from '../base/Icon'

export interface FailedProps {
  error: TidingsError
  onRetry: () => void
  title?: string
}

/** What went wrong, where it went wrong, and how to go on. Without a network it goes on by itself. */
export function Failed({ error, onRetry, title }: FailedProps) {
  const labels = useLabels()
  const isOffline = error.code === 'NETWORK'
  return (
    <div className="tidings-failed" role="alert">
      {isOffline ? <OfflineIcon /> : <WarningIcon />}
      <div>
        <b>{isOffline ? labels.offline : (title ?? labels.failed)}</b>
        <p>{isOffline ? labels.loadsLater : error.message}</p>
        {error.requestId ? <small>{labels.requestId(error.requestId)}</small> : null}
      </div>
      <Button onClick={onRetry}>{labels.tryAgain}</Button>
    </div>
  )
}
