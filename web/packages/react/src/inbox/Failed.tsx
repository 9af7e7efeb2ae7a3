import type { TidingsError } from '@tidings/client'
import { Button } from '../base/Button'
import { useLabels } from '../labels/context'
import { WarningIcon } from '../base/Icon'

export interface FailedProps {
  error: TidingsError
  onRetry: () => void
  title?: string
}

/** What went wrong, where it went wrong, and how to go on. */
export function Failed({ error, onRetry, title }: FailedProps) {
  const labels = useLabels()
  return (
    <div className="tidings-failed" role="alert">
      <WarningIcon />
      <div>
        <b>{title ?? labels.failed}</b>
        <p>{error.message}</p>
        {error.requestId ? <small>{labels.requestId(error.requestId)}</small> : null}
      </div>
      <Button onClick={onRetry}>{labels.tryAgain}</Button>
    </div>
  )
}
