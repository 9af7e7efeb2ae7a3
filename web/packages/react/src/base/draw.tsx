import type { ReactNode } from 'react'

export interface IconProps {
  size?: 'small' | 'large'
}

/** An icon of these lines; one that `turns` points along the line of the text. */
export function icon(paths: ReactNode, turns = false) {
  return function Icon({ size }: IconProps) {
    return (
      <svg
        className="tidings-icon"
        viewBox="0 0 20 20"
        aria-hidden="true"
        focusable="false"
        data-size={size}
        // It points along the line, so it is mirrored where lines run from right to left.
        data-turns={turns || undefined}
      >
        {paths}
      </svg>
    )
  }
}
