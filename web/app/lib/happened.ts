// What one screen does that another shows: a message was sent, an announcement changed.

import { useEffect } from 'react'

export type Happening = 'messages' | 'announcements'

const listeners = new Map<Happening, Set<() => void>>()

export function tell(happening: Happening) {
  for (const listener of [...(listeners.get(happening) ?? [])]) listener()
}

export function useHappened(happening: Happening, listener: () => void) {
  useEffect(() => {
    const all = listeners.get(happening) ?? new Set()
    listeners.set(happening, all.add(listener))
    return () => void all.delete(listener)
  }, [happening, listener])
}
