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
import { type Place, isSearch, withoutSearch } from './place'

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
  const { view, kind, category, search, sender, after, before } = place
  const isSought = isSearch(place)
  const [title, text] = search
    ? labels.emptySearch
    : sender
      ? labels.emptySender
      : after || before
        ? labels.emptyDates
        : category
          ? labels.emptyCategory
          : kind
            ? labels.emptyKind
            : labels.empty[view]
  return (
    <EmptyState
      title={title}
      picture={isSought ? <NotFoundPicture /> : PICTURES[view]}
      action={
        isSought ? (
          <Button onClick={() => onNavigate(withoutSearch(place))}>{labels.clearSearch}</Button>
        ) : undefined
      }
    >
      {text}
    </EmptyState>
  )
}
