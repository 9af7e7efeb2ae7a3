import { type RefObject, useEffect } from 'react'

/** Shows where the words of a search are, in the browsers that can. */
export function useFound(root: RefObject<HTMLElement | null>, search: string | undefined) {
  useEffect(() => {
    const element = root.current
    if (!element || !search || !('highlights' in CSS)) return
    let end: (() => void) | undefined
    let isOver = false
    import('./found').then(
      ({ showFound }) => {
        if (!isOver) end = showFound(element, search)
      },
      () => undefined,
    )
    return () => {
      isOver = true
      end?.()
    }
  }, [root, search])
}
