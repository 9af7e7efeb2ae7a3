// Pictures of pages, small enough to be committed: with a palette of 256 colours, as PNG.

import UPNG from 'upng-js'

const COLOURS = 256

/** The same picture in fewer bytes. */
export const smaller = png => animated([{ png, milliseconds: 0 }])

/** An animated PNG of pictures of the same size, each for as long as it says. */
export function animated(frames) {
  const pictures = frames.map(({ png }) => UPNG.decode(png))
  const [{ width, height }] = pictures
  const pixels = pictures.map(picture => UPNG.toRGBA8(picture)[0])
  const times = frames.map(({ milliseconds }) => milliseconds)
  return Buffer.from(UPNG.encode(pixels, width, height, COLOURS, times))
}
