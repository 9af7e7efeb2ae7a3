import { useEffect, useState } from 'react'
import { useTidings } from '../hooks'

/** As long as a row slides in. */
const NEW_MS = 1500

/** The items that have just arrived. */
export function useNewcomers(): ReadonlySet<string> {
  const { inbox } = useTidings()
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = inbox.on('arrived', ({ items }) => {
      setIds(before => new Set([...before, ...items.map(item => item.id)]))
      clearTimeout(timer)
      timer = setTimeout(() => setIds(new Set()), NEW_MS)
    })
    return () => {
      clearTimeout(timer)
      end()
    }
  }, [inbox])
  return ids
}
