/** The reading pane: one item, with all that can be done to it. */

import { type ReactNode, type Ref, useEffect, useId, useRef } from 'react'
import type { InboxItem } from '@tidings/client'
import { Banner } from '../base/Banner'
import { ButtonLink, IconButton } from '../base/Button'
import { EmptyState } from '../base/EmptyState'
import {
  ArchiveIcon,
  BackIcon,
  BellIcon,
  ClockIcon,
  LinkIcon,
  MoreIcon,
  MuteIcon,
  NextIcon,
  PeopleIcon,
  WarningIcon,
} from '../base/Icon'
import { Menu, type MenuItem } from '../base/Menu'
import { NotFoundPicture } from '../base/Pictures'
import { useCatalog } from '../catalog'
import { useDates, useNow } from '../format'
import { useItem, useOwner } from '../hooks'
import { type RowAction, actionIcon, actionsOf, labelOf } from '../inbox/Row'
import type { Row } from '../inbox/rows'
import { useMarks } from '../inbox/useMarks'
import { useLabels } from '../labels/context'
import { ELSEWHERE, safeUrl } from '../markdown/url'
import { ThreadPane } from '../thread/ThreadPane'
import { ActivityPane } from './ActivityPane'
import { AnnouncementPane } from './AnnouncementPane'

export interface ItemPaneProps {
  itemId: string
  /** Its row, if the list has it: what stands in it together is marked together. */
  row: Row | undefined
  /** Goes back to the list, where the pane covers it. */
  onBack?: () => void
  onStep?: (step: 1 | -1) => void
  onAction: (row: Row, action: RowAction) => void
  /** Shows everything that somebody has sent. */
  onSender: (id: string) => void
  receiptsHref?: (messageId: string) => string
  /** Counts up when somebody presses `r`. */
  replyRequest: number
  headingRef: Ref<HTMLHeadingElement>
}

export function ItemPane({ itemId, row, ...props }: ItemPaneProps) {
  const item = useItem(itemId)
  const labels = useLabels()
  if (item === undefined) return null
  if (item === null) {
    return (
      <div className="tidings-pane-gone">
        {props.onBack ? (
          <IconButton label={labels.back} icon={<BackIcon />} onClick={props.onBack} />
        ) : null}
        <EmptyState title={labels.noLongerAvailable} picture={<NotFoundPicture />}>
          {labels.noLongerAvailableHint}
        </EmptyState>
      </div>
    )
  }
  const own = row ?? {
    key: item.id,
    item,
    ids: [item.id],
    unreadIds: item.readAt ? [] : [item.id],
  }
  return <Open key={own.key} item={item} row={own} {...props} />
}

type OpenProps = Omit<ItemPaneProps, 'itemId' | 'row'> & { item: InboxItem; row: Row }

function Open({ item, row, onBack, onStep, onAction, onSender, headingRef, ...props }: OpenProps) {
  const labels = useLabels()
  const marks = useMarks()
  const locale = useOwner()?.locale ?? undefined
  const titleId = useId()
  const catalog = useCatalog()
  useReadOnOpening(item, row)
  const { about, thread } = item
  const rootId = about?.__typename === 'Message' ? about.root.id : undefined
  const more: MenuItem[] = []
  if (thread && rootId) {
    more.push({
      label: thread.isMuted ? labels.unmute : labels.mute,
      icon: thread.isMuted ? <BellIcon /> : <MuteIcon />,
      hint: thread.isMuted ? undefined : 'm',
      onSelect: () => (thread.isMuted ? marks.unmute(rootId) : marks.mute(rootId)),
    })
  }
  const sender = about?.__typename === 'Message' ? about.sender : null
  if (sender) {
    more.push({
      label: labels.allFrom(sender.name),
      icon: <PeopleIcon />,
      onSelect: () => onSender(sender.id),
    })
  }
  const url = safeUrl(item.url)
  return (
    <article className="tidings-pane-item" aria-labelledby={titleId}>
      <div className="tidings-pane-bar">
        {onBack ? <IconButton label={labels.back} icon={<BackIcon />} onClick={onBack} /> : null}
        {onStep ? (
          <span className="tidings-pane-steps">
            <IconButton
              label={labels.previousItem}
              shortcut="k"
              icon={<UpChevron />}
              onClick={() => onStep(-1)}
            />
            <IconButton
              label={labels.nextItem}
              shortcut="j"
              icon={<DownChevron />}
              onClick={() => onStep(1)}
            />
          </span>
        ) : null}
        <span className="tidings-space" />
        {actionsOf(row).map(action => (
          <IconButton
            key={action}
            label={labelOf(action, labels)}
            shortcut={SHORTCUTS[action]}
            icon={actionIcon(action)}
            onClick={() => onAction(row, action)}
          />
        ))}
        {more.length > 0 ? <Menu label={labels.more} icon={<MoreIcon />} items={more} /> : null}
      </div>
      <div className="tidings-pane-scroll">
        <PaneBanners item={item} />
        <header className="tidings-pane-head">
          <h2
            ref={headingRef}
            id={titleId}
            tabIndex={-1}
            dir="auto"
            lang={item.kind === 'ACTIVITY' ? locale : undefined}
            part="pane-title"
          >
            {item.title}
          </h2>
          {item.category ? (
            <span className="tidings-chip">{catalog.category(item.category)}</span>
          ) : null}
        </header>
        {about?.__typename === 'Message' ? (
          <ThreadPane item={item} about={about} {...props} />
        ) : about?.__typename === 'Announcement' ? (
          <AnnouncementPane item={item} about={about} />
        ) : about?.__typename === 'ActivityGroup' ? (
          <ActivityPane item={item} about={about} />
        ) : (
          <p className="tidings-pane-text">{item.preview}</p>
        )}
        {about?.__typename === 'Message' ? null : (
          <ItemActions item={item}>
            {url && item.actions.length === 0 ? (
              <ButtonLink href={url} {...ELSEWHERE} icon={<LinkIcon />} kind="main">
                {labels.openLink}
              </ButtonLink>
            ) : null}
          </ItemActions>
        )}
      </div>
    </article>
  )
}

const SHORTCUTS: Partial<Record<RowAction, string>> = {
  archive: 'e',
  snooze: 'h',
  read: '⇧I',
  unread: '⇧U',
}

const UpChevron = () => (
  <span className="tidings-turn-up">
    <NextIcon />
  </span>
)
const DownChevron = () => (
  <span className="tidings-turn-down">
    <NextIcon />
  </span>
)

/** The links that an item offers as something to do. */
export function ItemActions({
  item,
  children,
}: {
  item: Pick<InboxItem, 'actions'>
  children?: ReactNode
}) {
  const actions = item.actions.filter(({ url }) => safeUrl(url))
  if (actions.length === 0 && !children) return null
  return (
    <div className="tidings-item-actions" part="item-actions">
      {actions.map(action => (
        <ButtonLink
          key={action.label}
          href={safeUrl(action.url)}
          {...ELSEWHERE}
          kind={action.isMain ? 'main' : undefined}
        >
          {action.label}
        </ButtonLink>
      ))}
      {children}
    </div>
  )
}

function PaneBanners({ item }: { item: InboxItem }) {
  const labels = useLabels()
  const dates = useDates()
  const now = useNow()
  const isPast = item.respondBy && new Date(item.respondBy).getTime() < now
  return (
    <>
      {item.respondBy ? (
        <Banner kind="danger" icon={<WarningIcon />}>
          <b>
            {isPast
              ? labels.respondByPassed(dates.near(item.respondBy, now))
              : labels.respondByBanner(dates.near(item.respondBy, now))}
          </b>{' '}
          {item.isFinalReminder ? labels.finalReminderBanner : null}
        </Banner>
      ) : item.remindedAt ? (
        <Banner kind="warning" icon={<BellIcon />}>
          {labels.remindedBanner(dates.near(item.remindedAt, now))}
        </Banner>
      ) : null}
      {item.snoozedUntil ? (
        <Banner icon={<ClockIcon />}>
          {labels.snoozedBanner(dates.near(item.snoozedUntil, now))}
        </Banner>
      ) : null}
      {item.archivedAt ? <Banner icon={<ArchiveIcon />}>{labels.archivedBanner}</Banner> : null}
    </>
  )
}

/** An item counts as read after this long: moving past it is not reading. */
const READ_MS = 500

/** What is open is read, and what joins it there, too; unless the reader says otherwise. */
function useReadOnOpening(item: InboxItem, row: Row) {
  const marks = useMarks()
  const known = useRef<ReadonlySet<string>>(new Set())
  const rootId = item.about?.__typename === 'Message' ? item.about.root.id : undefined
  const isWholeThread = (item.thread?.unreadCount ?? 0) > row.unreadIds.length
  const unread = row.unreadIds.join(' ')
  useEffect(() => {
    const ids = unread.split(' ').filter(id => id && !known.current.has(id))
    if (ids.length === 0) return
    const timer = setTimeout(() => {
      if (document.visibilityState === 'hidden') return
      known.current = new Set([...known.current, ...ids])
      if (isWholeThread && rootId) marks.readThread(rootId)
      else marks.readSilently(ids)
    }, READ_MS)
    return () => clearTimeout(timer)
  }, [unread, isWholeThread, rootId, marks])
}
