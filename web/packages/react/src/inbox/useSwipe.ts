/**
 * A row that is swiped with a finger. That is quick, and never the only way: the same can be done in
 * the pane, and by keys.
 */

import { type PointerEvent, useRef, useState } from 'react'

/** Where the row goes: to where lines begin, or to where they end. */
export type Side = 'start' | 'end'

/** A finger that only touches something moves as much. */
const SLOP_PX = 12
/** From here on, letting go does something. */
const ENOUGH_PX = 88
/** How far it is from its place, for the style sheet. */
const MOVED = '--tidings-row-moved'

interface Touch {
  id: number
  x: number
  y: number
  /** To the right is to the end, or to the start where lines begin on the right. */
  isRightToLeft: boolean
}

/** Handlers for the row; `onSwipe` is called when the finger is lifted far enough from its start. */
export function useSwipe(onSwipe: (side: Side) => void) {
  const touch = useRef<Touch | undefined>(undefined)
  /** Where the row is on its way to, and whether it is far enough. */
  const [swipe, setSwipe] = useState<{ side: Side; isEnough: boolean }>()

  const end = (row: HTMLElement) => {
    touch.current = undefined
    row.style.removeProperty(MOVED)
    setSwipe(undefined)
  }
  const handlers = {
    onPointerDown(event: PointerEvent<HTMLElement>) {
      if (event.pointerType !== 'touch' || !event.isPrimary) return
      const { pointerId: id, clientX: x, clientY: y, currentTarget } = event
      const isRightToLeft = getComputedStyle(currentTarget).direction === 'rtl'
      touch.current = { id, x, y, isRightToLeft }
    },
    onPointerMove(event: PointerEvent<HTMLElement>) {
      const start = touch.current
      if (start?.id !== event.pointerId) return
      const across = event.clientX - start.x
      if (!swipe && Math.abs(across) < SLOP_PX) return
      // A finger that goes up or down scrolls, also when it goes astray later.
      if (!swipe && Math.abs(across) < Math.abs(event.clientY - start.y) * 2) {
        touch.current = undefined
        return
      }
      const side = across < 0 === start.isRightToLeft ? 'end' : 'start'
      const isEnough = Math.abs(across) >= ENOUGH_PX
      event.currentTarget.style.setProperty(MOVED, `${across}px`)
      if (swipe?.side !== side || swipe.isEnough !== isEnough) setSwipe({ side, isEnough })
    },
    onPointerUp(event: PointerEvent<HTMLElement>) {
      if (touch.current?.id !== event.pointerId) return
      end(event.currentTarget)
      if (swipe?.isEnough) onSwipe(swipe.side)
    },
    // The browser scrolls, or shows its menu of a link.
    onPointerCancel(event: PointerEvent<HTMLElement>) {
      end(event.currentTarget)
    },
  }
  return { swipe, handlers }
}
