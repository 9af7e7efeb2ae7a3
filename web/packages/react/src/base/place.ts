const GAP = 6
const MARGIN = 8

/**
 * Puts a layer below a thing, or above it where there is more room, within the window. A wide layer
 * ends where the thing ends.
 */
export function placeBeside(layer: HTMLElement, thing: Element) {
  const anchor = thing.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = layer
  const { innerWidth, innerHeight } = window
  const isBelow = innerHeight - anchor.bottom - GAP >= height || anchor.top < innerHeight / 2
  const top = isBelow ? anchor.bottom + GAP : anchor.top - GAP - height
  const isRightToLeft = getComputedStyle(layer).direction === 'rtl'
  const startsLeft = anchor.left + anchor.width / 2 < innerWidth / 2
  const left = startsLeft && !isRightToLeft ? anchor.left : anchor.right - width
  layer.style.top = `${clamp(top, MARGIN, innerHeight - height - MARGIN)}px`
  layer.style.left = `${clamp(left, MARGIN, innerWidth - width - MARGIN)}px`
}

function clamp(value: number, least: number, most: number) {
  return Math.max(least, Math.min(value, most))
}
