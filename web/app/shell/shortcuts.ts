// The keys that lead from page to page: `c`, and `g` followed by `i`, `s` or `d`. The inbox has its
// own keys.

import { useEffect, useLayoutEffect, useRef } from 'react'
import { readKept } from '../lib/kept'
import { href, navigate, type Page } from '../lib/router'

const PAGE_OF: Record<string, Page> = { i: 'inbox', s: 'sent', d: 'admin' }
/** How long `g` waits for its second key. */
const PATIENCE = 1_500

export function useShortcuts(options: { compose(): void; mayAdmin: boolean }) {
  const latest = useRef(options)
  // At once: the next key may come before the browser has painted.
  useLayoutEffect(() => {
    latest.current = options
  })
  // Once, or a page that is drawn again between `g` and its second key would forget the first.
  useEffect(() => {
    let goes = 0
    const onKey = (event: KeyboardEvent) => {
      // They can be switched off, in the inbox's preferences.
      if (readKept('single-keys') === 'off') return
      if (event.defaultPrevented) goes = 0
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return
      if (event.key === 'g') {
        goes = event.timeStamp
        return
      }
      const page = PAGE_OF[event.key]
      if (page && event.timeStamp - goes < PATIENCE && goes > 0) {
        goes = 0
        if (page === 'admin' && !latest.current.mayAdmin) return
        event.preventDefault()
        navigate(href(page))
        return
      }
      goes = 0
      if (event.key === 'c') {
        event.preventDefault()
        latest.current.compose()
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}
