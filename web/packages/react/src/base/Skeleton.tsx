import { useEffect, useState } from 'react'

/** Loading that takes less is not worth showing. */
const PATIENCE_MS = 400

/** True once `isWaiting` has lasted for a while. */
export function usePatience(isWaiting: boolean, milliseconds = PATIENCE_MS) {
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    if (!isWaiting) return
    const timer = setTimeout(() => setOver(true), milliseconds)
    return () => {
      clearTimeout(timer)
      setOver(false)
    }
  }, [isWaiting, milliseconds])
  return isWaiting && isOver
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="tidings-skeletons" aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="tidings-skeleton" data-line={line % 4} />
      ))}
    </div>
  )
}
