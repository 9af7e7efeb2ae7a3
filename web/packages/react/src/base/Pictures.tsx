/** Drawings for where there is nothing: in the colours of the text and the accent. */

import type { ReactNode } from 'react'

function picture(content: ReactNode) {
  return function Picture() {
    return (
      <svg
        className="tidings-picture"
        viewBox="0 0 120 96"
        fill="none"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {content}
      </svg>
    )
  }
}

/** A tray with the sun above it: nothing to do. */
export const CaughtUpPicture = picture(
  <>
    <g stroke="currentColor">
      <circle cx="60" cy="34" r="11" className="tidings-picture-fill" />
      <path d="M60 12v5M38 34h5M77 34h5M44.5 18.5l3.6 3.6M75.5 18.5l-3.6 3.6" />
    </g>
    <g className="tidings-picture-line">
      <path d="M24 58h22l5 9h18l5-9h22" />
      <path d="m24 58 7-15a5 5 0 0 1 4.6-3H40M96 58l-7-15a5 5 0 0 0-4.6-3H80M24 58v18a5 5 0 0 0 5 5h62a5 5 0 0 0 5-5V58" />
    </g>
  </>,
)

/** An open letter. */
export const LetterPicture = picture(
  <>
    <g className="tidings-picture-line">
      <path d="M26 42v34a5 5 0 0 0 5 5h58a5 5 0 0 0 5-5V42" />
      <path d="M26 42 56.5 20.5a6 6 0 0 1 7 0L94 42" />
      <path d="m26 44 29 19a9 9 0 0 0 10 0l29-19" />
    </g>
    <g stroke="currentColor">
      <path d="M42 51V36a3 3 0 0 1 3-3h30a3 3 0 0 1 3 3v15" className="tidings-picture-fill" />
      <path d="M51 41h18M51 48h11" />
    </g>
  </>,
)

/** A magnifier over lines that are not there. */
export const NotFoundPicture = picture(
  <>
    <g className="tidings-picture-line">
      <path d="M24 28h34M24 44h20M24 60h24M24 76h40" strokeDasharray="1 7" />
    </g>
    <g stroke="currentColor">
      <circle cx="72" cy="44" r="17" className="tidings-picture-fill" />
      <path d="m84.5 56.5 13 13" strokeWidth="4" />
    </g>
  </>,
)

/** A moon over a line: it waits. */
export const WaitingPicture = picture(
  <>
    <g stroke="currentColor">
      <path d="M70 20a20 20 0 1 0 14 32 16 16 0 0 1-14-32Z" className="tidings-picture-fill" />
    </g>
    <g className="tidings-picture-line">
      <path d="M22 78h76M36 68h18M66 68h30M22 68h4" />
      <path d="M92 18v6M89 21h6M30 30v4M28 32h4" />
    </g>
  </>,
)

/** A box: it is put away. */
export const BoxPicture = picture(
  <>
    <g className="tidings-picture-line">
      <path d="M28 44v32a5 5 0 0 0 5 5h54a5 5 0 0 0 5-5V44" />
      <path d="M22 28h76v16H22z" />
    </g>
    <g stroke="currentColor">
      <path d="M48 57h24" strokeWidth="4" />
      <path d="M44 19h32" className="tidings-picture-fill" />
    </g>
  </>,
)
