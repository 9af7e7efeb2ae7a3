/** The rows that are selected: one by one, or in a range. */

import { useRef, useState } from 'react'
import type { Row } from './rows'

export type Selection = ReturnType<typeof useSelection>

export function useSelection(rows: readonly Row[], activeKey: string | undefined) {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set())
  const rangeStart = useRef<string | undefined>(undefined)

  const selectTo = (end: Row) => {
    const from = rows.findIndex(row => row.key === (rangeStart.current ?? activeKey))
    const to = rows.indexOf(end)
    const [first, last] = from < to ? [Math.max(from, 0), to] : [to, from]
    setKeys(new Set(rows.slice(first, last + 1).map(row => row.key)))
  }
  return {
    keys,
    clear: () => setKeys(new Set()),
    /** Selects it, or no longer; as a range, all from where the last one began. */
    select(row: Row, isRange: boolean) {
      if (isRange) return selectTo(row)
      rangeStart.current = row.key
      setKeys(before => {
        const after = new Set(before)
        if (!after.delete(row.key)) after.add(row.key)
        return after
      })
    },
    /** Selects a range that begins at `start`, unless one has begun already. */
    extend(start: Row | undefined, end: Row) {
      rangeStart.current ??= start?.key
      selectTo(end)
    },
  }
}
