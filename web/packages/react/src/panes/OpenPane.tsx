import type { ReactNode, RefObject } from 'react'
import { EmptyState } from '../base/EmptyState'
import { CaughtUpPicture } from '../base/Pictures'
import type { Place } from '../inbox/place'
import type { RowAction } from '../inbox/Row'
import type { Row } from '../inbox/rows'
import { useLabels } from '../labels/context'
import { Preferences } from '../later'
import { ItemPane } from './ItemPane'

interface OpenPaneProps {
  place: Place
  row: Row | undefined
  /** Whether it stands beside the list; it covers the list otherwise. */
  isWide: boolean
  banner: ReactNode
  headingRef: RefObject<HTMLHeadingElement | null>
  onClose: () => void
  onStep: (step: 1 | -1) => void
  onSender: (id: string) => void
  onAction: (row: Row, action: RowAction) => void
  receiptsHref?: (messageId: string) => string
  replyRequest: number
}

/** What is open: an item, the preferences, or nothing. */
export function OpenPane({ place, isWide, banner, onClose, ...rest }: OpenPaneProps) {
  const labels = useLabels()
  return (
    <section className="tidings-pane" part="pane" aria-label={labels.pane}>
      {banner}
      {place.preferences ? (
        <Preferences onClose={onClose} />
      ) : place.item ? (
        <ItemPane itemId={place.item} onBack={isWide ? undefined : onClose} {...rest} />
      ) : (
        <EmptyState title={labels.nothingOpen} picture={<CaughtUpPicture />}>
          {labels.nothingOpenHint}
        </EmptyState>
      )}
    </section>
  )
}
