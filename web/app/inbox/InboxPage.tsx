// The page /inbox: where one is, is in its address.

import { useCallback, useMemo } from 'react'
import { Inbox, type Place, placeOf, queryOf, useLabels, usePageBadge } from '@tidings/react'
import { href, navigate, useRoute } from '../lib/router'

const hrefFor = (place: Place) => `./inbox${queryOf(place)}`

export function InboxPage() {
  const { query } = useRoute()
  const labels = useLabels()
  const place = useMemo(() => placeOf(query), [query])
  usePageBadge(`${labels.views[place.view]} · Tidings`)
  const onNavigate = useCallback(
    (to: Place, options: { replace: boolean }) => navigate(hrefFor(to), options),
    [],
  )
  return (
    <Inbox
      isPage
      place={place}
      hrefFor={hrefFor}
      onNavigate={onNavigate}
      // The keys that lead elsewhere are the shell's.
      receiptsHref={id => href('sent', { item: id })}
    />
  )
}
