import { useEffect, useState } from 'react'
import { Banner } from '../base/Banner'
import { CheckIcon, InfoIcon, OfflineIcon } from '../base/Icon'
import { usePatience } from '../base/Skeleton'
import { useTidingsContext } from '../context'
import { useConnection, useTidings } from '../hooks'
import { useLabels } from '../labels/context'

/** A cut that is shorter is nobody's business. */
const OFFLINE_MS = 3000
const RECONNECTED_MS = 4000

/** How the inbox is connected, where that is not as usual. */
export function ConnectionBanner() {
  return useConnectionBanner()
}

/** The same, for a place that is not always the same one: it does not begin anew there. */
export function useConnectionBanner() {
  const labels = useLabels()
  const { announce } = useTidingsContext()
  const { inbox } = useTidings()
  const { state, pending } = useConnection()
  const isOffline = usePatience(state === 'offline', OFFLINE_MS)
  const [isBack, setBack] = useState(false)

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = inbox.on('reconnected', ({ offlineMilliseconds }) => {
      // The end of a cut is told only if the cut was.
      if (offlineMilliseconds < OFFLINE_MS) return
      setBack(true)
      timer = setTimeout(() => setBack(false), RECONNECTED_MS)
    })
    return () => {
      clearTimeout(timer)
      end()
    }
  }, [inbox])

  useEffect(() => {
    if (isOffline) announce(labels.offline)
    else if (isBack) announce(labels.reconnected)
  }, [isOffline, isBack, announce, labels])

  if (isOffline) {
    return (
      <Banner kind="warning" icon={<OfflineIcon />}>
        <b>{labels.offline}</b> {labels.offlineHint} {labels.offlineMarks(pending)}
      </Banner>
    )
  }
  if (isBack && state !== 'offline') {
    return (
      <Banner kind="good" icon={<CheckIcon />}>
        {labels.reconnected}
      </Banner>
    )
  }
  if (state === 'polling') return <Banner icon={<InfoIcon />}>{labels.polling}</Banner>
  return null
}
