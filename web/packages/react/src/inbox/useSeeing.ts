/** What of the inbox is in sight: it has been seen, and needs no toast. */

import { useEffect, useState } from 'react'
import type { InboxItem, ListFilter } from '@tidings/client'
import { useTidingsContext } from '../context'
import type { Place } from './place'
import { useMarks } from './useMarks'
import { sendersOf } from './usePeople'

/** After this long in sight, the items of the list count as seen. */
const SEEN_MS = 1500

/** What is shown in the inbox has been seen. */
export function useSeeing(items: readonly InboxItem[], isInbox: boolean, filter: ListFilter) {
  const marks = useMarks()
  const unseen = isInbox ? items.filter(item => !item.seenAt).length : 0
  const [isVisible, setVisible] = useState(() => document.visibilityState === 'visible')
  useEffect(() => {
    const listener = () => setVisible(document.visibilityState === 'visible')
    document.addEventListener('visibilitychange', listener)
    return () => document.removeEventListener('visibilitychange', listener)
  }, [])
  useEffect(() => {
    if (unseen === 0 || !isVisible) return
    const timer = setTimeout(() => marks.seeAll(filter), SEEN_MS)
    return () => clearTimeout(timer)
  }, [unseen, isVisible, marks, filter])
}

/** What arrives at the top of the list is in plain sight; `isListAtTop` says whether that is. */
export function useArrivalsInSight(place: Place, isListAtTop: () => boolean) {
  const { watch } = useTidingsContext()
  const { view, kind, category, search, sender, before } = place
  useEffect(() => {
    const isHere = (item: InboxItem) =>
      view === 'ACTIVE' &&
      !search &&
      !before &&
      (!kind || kind === item.kind) &&
      (!category || category === item.category) &&
      (!sender || sendersOf([item])[0]?.id === sender) &&
      isListAtTop()
    return watch(isHere)
  }, [watch, view, kind, category, search, sender, before, isListAtTop])
}
