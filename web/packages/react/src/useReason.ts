import { useLabels } from './labels/context'

/** Why something failed, to be read: browsers say it in words that are nobody's language. */
export function useReason(): (error: Error & { code?: string }) => string {
  const { noConnection } = useLabels()
  return error =>
    error.code === 'NETWORK' || error instanceof TypeError ? noConnection : error.message
}
