import type { TidingsError } from '@tidings/client'
import { useTexts } from '../texts'
import { Button, EmptyState, OfflineIcon, WarningIcon } from '@tidings/react'

/** In place of what could not be loaded. */
export function Failure({ error, onRetry }: { error: TidingsError; onRetry: () => void }) {
  const { common } = useTexts()
  return (
    <div role="alert">
      <EmptyState
        title={common.errorTitle}
        picture={
          error.code === 'NETWORK' ? <OfflineIcon size="large" /> : <WarningIcon size="large" />
        }
        action={<Button onClick={onRetry}>{common.retry}</Button>}
      >
        {error.message}
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
