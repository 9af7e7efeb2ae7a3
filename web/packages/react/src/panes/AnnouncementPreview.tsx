import { useId } from 'react'
import type { AnnouncementAbout, InboxItem, ItemAction, Moment, Person } from '@tidings/client'
import { ButtonLink } from '../base/Button'
import { LinkIcon } from '../base/Icon'
import { useCatalog } from '../catalog'
import { useNow } from '../format'
import { RowContent } from '../inbox/Row'
import { useLabels } from '../labels/context'
import { AnnouncementText } from '../markdown/AnnouncementText'
import { ELSEWHERE, safeUrl } from '../markdown/url'
import { AnnouncementLine } from './AnnouncementPane'
import { ItemActions } from './ItemPane'

export interface AnnouncementPreviewProps {
  title: string
  body: string
  url: string | null
  actions: readonly ItemAction[]
  category: string | null
  author: Pick<Person, 'id' | 'name' | 'avatarUrl'> | null
  expiresAt: Moment | null
}

/** An announcement as it will look in everybody's inbox: its row, and what the row opens. */
export function AnnouncementPreview({ body, url, author, ...content }: AnnouncementPreviewProps) {
  const labels = useLabels()
  const catalog = useCatalog()
  const now = useNow()
  const id = useId()
  const { title, actions, category, expiresAt } = content
  const link = safeUrl(url)
  const moment = new Date(now).toISOString()
  const about: AnnouncementAbout = {
    __typename: 'Announcement',
    id,
    author: author && { __typename: 'User', ...author },
    expiresAt,
  }
  const item: InboxItem = {
    id,
    kind: 'ANNOUNCEMENT',
    title,
    preview: firstWords(body),
    url,
    data: null,
    category,
    actions,
    createdAt: moment,
    updatedAt: moment,
    seenAt: null,
    readAt: null,
    archivedAt: null,
    snoozedUntil: null,
    remindedAt: null,
    isFinalReminder: false,
    respondBy: null,
    thread: null,
    about,
  }
  const row = { key: id, item, ids: [id], unreadIds: [id] }
  return (
    <div className="tidings-inbox-preview">
      <div className="tidings-row" data-unread>
        <div className="tidings-row-link">
          <RowContent row={row} now={now} isPending={false} />
        </div>
      </div>
      <div className="tidings-pane-scroll">
        <div className="tidings-pane-head">
          <p className="tidings-pane-title" dir="auto">
            {title}
          </p>
          {category ? <span className="tidings-chip">{catalog.category(category)}</span> : null}
        </div>
        <div className="tidings-pane-text">
          <AnnouncementLine item={item} about={about} />
          <AnnouncementText text={body} />
        </div>
        <ItemActions item={item}>
          {link && actions.length === 0 ? (
            <ButtonLink href={link} {...ELSEWHERE} icon={<LinkIcon />} kind="main">
              {labels.openLink}
            </ButtonLink>
          ) : null}
        </ItemActions>
      </div>
    </div>
  )
}

const MOST = 140

/** About what the server shows of it in a row: the words, without markup. */
function firstWords(body: string): string {
  return body
    .replace(/^\s*(#+|[-*+>]|\d+\.)\s+/gm, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*_`~|]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MOST)
}
