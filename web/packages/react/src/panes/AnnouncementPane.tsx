import type { AnnouncementAbout, InboxItem } from '@tidings/client'
import { Skeleton, usePatience } from '../base/Skeleton'
import { useDates, useNow } from '../format'
import { AnnouncementBodyDocument } from '../generated/documents'
import { useDocument } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'
import { AnnouncementText } from '../markdown/AnnouncementText'

export function AnnouncementPane({ item, about }: { item: InboxItem; about: AnnouncementAbout }) {
  const labels = useLabels()
  const { data, error, isLoading, retry } = useDocument(AnnouncementBodyDocument, { id: about.id })
  const isLong = usePatience(isLoading)
  return (
    <div className="tidings-pane-text">
      <AnnouncementLine item={item} about={about} />
      {data?.announcement ? <AnnouncementText text={data.announcement.body} /> : null}
      {isLong ? <Skeleton lines={6} /> : null}
      {error && !data ? <Failed error={error} onRetry={retry} title={labels.bodyFailed} /> : null}
    </div>
  )
}

/** What it is, whose, since when and until when. */
export function AnnouncementLine({ item, about }: { item: InboxItem; about: AnnouncementAbout }) {
  const labels = useLabels()
  const dates = useDates()
  const now = useNow()
  const parts = [
    labels.announcement,
    about.author?.name,
    dates.near(item.createdAt, now),
    about.expiresAt && labels.expires(dates.near(about.expiresAt, now)),
  ]
  return <p className="tidings-meta">{parts.filter(Boolean).join(' · ')}</p>
}
