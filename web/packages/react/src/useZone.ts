import { useDates } from './format'
import { useOwner } from './hooks'
import { useLabels } from './labels/context'

/** What those have whose time zone nobody has chosen. */
const UNCHOSEN = 'UTC'

/**
 * Names the time zone of fields for a moment, which is the browser's, and says if the reader's
 * preferences have another.
 */
export function useZone(): (moment: Date) => string {
  const labels = useLabels()
  const dates = useDates()
  const preferred = useOwner()?.timeZone
  return moment => {
    const zone = dates.zone(moment)
    if (!preferred || preferred === UNCHOSEN || isSameTime(moment, preferred)) return zone
    return labels.zoneDiffers(zone, preferred.replaceAll('_', ' '))
  }
}

/** Whether clocks there show the same as here: zones have several names. */
function isSameTime(moment: Date, timeZone: string) {
  try {
    return moment.toLocaleString('en', { timeZone }) === moment.toLocaleString('en')
  } catch {
    // The server may know zones that this browser does not.
    return true
  }
}
