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
  const { view, kind, category, search } = place
  const [title, text] = search
    ? labels.emptySearch
    : category
      ? labels.emptyCategory
      : kind
        ? labels.emptyKind
        : labels.empty[view]
  return (
    <EmptyState
      title={title}
      picture={search ? <NotFoundPicture /> : PICTURES[view]}
      action={
        search ? (
          <Button onClick={() => onNavigate({ ...place, search: undefined })}>
            {labels.clearSearch}
          </Button>
        ) : undefined
      }
    >
      {text}
    </EmptyState>
  )
}
