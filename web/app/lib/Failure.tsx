import type { TidingsError } from '@tidings/client'
import { useTexts } from '../texts'
import { Button, EmptyState, OfflineIcon, useLabels, WarningIcon } from '@tidings/react'

/** In place of what could not be loaded. */
export function Failure({ error, onRetry }: { error: TidingsError; onRetry: () => void }) {
  const { common } = useTexts()
  const labels = useLabels()
  const isOffline = error.code === 'NETWORK'
  return (
    <div role="alert">
      <EmptyState
        title={isOffline ? labels.offline : common.errorTitle}
        picture={isOffline ? <OfflineIcon size="large" /> : <WarningIcon size="large" />}
        action={<Button onClick={onRetry}>{common.retry}</Button>}
      >
        {isOffline ? labels.loadsLater : error.message}
        {error.requestId && (
          <>
            <br />
            <small>{common.request(error.requestId)}</small>
          </>
        )}
      </EmptyState>
    </div>
  )
}
