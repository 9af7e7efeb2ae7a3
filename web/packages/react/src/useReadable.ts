import { useCallback, useSyncExternalStore } from 'react'
import type { Readable } from '@tidings/client'

/** The value of a readable, always the present one. */
export function useReadable<T>(readable: Readable<T>): T {
  // The same functions for the same readable: it is not left and entered with each rendering.
  const subscribe = useCallback((listener: () => void) => readable.subscribe(listener), [readable])
  const get = useCallback(() => readable.get(), [readable])
  return useSyncExternalStore(subscribe, get, get)
}
