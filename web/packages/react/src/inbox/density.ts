import { useState } from 'react'

export type Density = 'comfortable' | 'compact'

const KEY = 'tidings:density'

/** How much room a row has: chosen by the reader, kept by the browser. */
export function useDensity(): [Density, (density: Density) => void] {
  const [density, setDensity] = useState<Density>(read)
  return [
    density,
    chosen => {
      setDensity(chosen)
      try {
        localStorage.setItem(KEY, chosen)
      } catch {
        // Without a storage it is for this page only.
      }
    },
  ]
}

function read(): Density {
  try {
    return localStorage.getItem(KEY) === 'compact' ? 'compact' : 'comfortable'
  } catch {
    return 'comfortable'
  }
}
