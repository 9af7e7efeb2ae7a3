import type { ReactNode } from 'react'
import type { InboxView } from '@tidings/client'
import { Button } from '../base/Button'
import { EmptyState } from '../base/EmptyState'
import {
  BoxPicture,
  CaughtUpPicture,
  LetterPicture,
  NotFoundPicture,
  WaitingPicture,
} from '../base/Pictures'
import { useLabels } from '../labels/context'
import type { Place } from './place'

const PICTURES: Record<InboxView, ReactNode> = {
  ACTIVE: <CaughtUpPicture />,
  UNREAD: <LetterPicture />,
  SNOOZED: <WaitingPicture />,
  ARCHIVED: <BoxPicture />,
  ALL: <LetterPicture />,
}

/** An empty list, in a sentence. */
export function NothingHere({
  place,
  onNavigate,
}: {
  place: Place
  onNavigate: (place: Place) => void
}) {
  const labels = useLabels()
  const { view, kind, category, search, sender } = place
  const isSearch = search !== undefined || sender !== undefined
  const [title, text] = search
    ? labels.emptySearch
    : sender
      ? labels.emptySender
      : category
        ? labels.emptyCategory
        : kind
          ? labels.emptyKind
          : labels.empty[view]
  return (
    <EmptyState
      title={title}
      picture={isSearch ? <NotFoundPicture /> : PICTURES[view]}
      action={
        isSearch ? (
          <Button onClick={() => onNavigate({ ...place, search: undefined, sender: undefined })}>
            {labels.clearSearch}
          </Button>
        ) : undefined
      }
    >
      {text}
    </EmptyState>
  )
}
