import type { TidingsError } from '@tidings/client'
import { Banner, useReason } from '@tidings/react'

/** Why something was not done. */
export function Problem({ error }: { error: TidingsError }) {
  const reasonOf = useReason()
  return (
    <div role="alert">
      <Banner kind="danger">{reasonOf(error)}</Banner>
    </div>
  )
}
