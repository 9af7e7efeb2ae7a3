/**
 * The names of icon buttons, for those who see only the icon: one layer for all of them. It shows
 * after a moment under the pointer, at once with the focus, and goes with Escape.
 */

import { useEffect, useRef } from 'react'
import { placeBeside } from './place'

const DELAY_MS = 450

export function Tooltips({ within }: { within: React.RefObject<HTMLElement | null> }) {
  const layer = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const root = within.current
    const tip = layer.current
    if (!root || !tip) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const hide = () => {
      clearTimeout(timer)
      if (tip.matches(':popover-open')) tip.hidePopover()
    }
    const show = (thing: HTMLElement) => {
      if (!thing.isConnected || !thing.dataset.tip) return
      const key = document.createElement('kbd')
      key.textContent = thing.dataset.tipKey ?? ''
      tip.replaceChildren(thing.dataset.tip, ...(thing.dataset.tipKey ? [key] : []))
      tip.showPopover()
      placeBeside(tip, thing)
    }
    const find = (event: Event) =>
      event.target instanceof Element ? event.target.closest<HTMLElement>('[data-tip]') : null
    const onOver = (event: Event) => {
      hide()
      const thing = find(event)
      if (thing) timer = setTimeout(() => show(thing), DELAY_MS)
    }
    const onFocus = (event: Event) => {
      hide()
      const thing = find(event)
      // Not while another layer opens or closes, which may be what moves the focus.
      if (thing?.matches(':focus-visible')) timer = setTimeout(() => show(thing))
    }
    const onKey = (event: Event) => {
      if ((event as KeyboardEvent).key === 'Escape') hide()
    }
    const events = { pointerover: onOver, pointerdown: hide, focusin: onFocus, focusout: hide }
    for (const [name, listener] of Object.entries(events)) root.addEventListener(name, listener)
    root.addEventListener('scroll', hide, { capture: true, passive: true })
    root.addEventListener('keydown', onKey, true)
    return () => {
      hide()
      for (const [name, listener] of Object.entries(events)) {
        root.removeEventListener(name, listener)
      }
      root.removeEventListener('scroll', hide, { capture: true })
      root.removeEventListener('keydown', onKey, true)
    }
  }, [within])
  // Its text is the button's name, so screen readers know it already.
  return <div ref={layer} className="tidings tidings-tooltip" popover="manual" aria-hidden="true" />
}
