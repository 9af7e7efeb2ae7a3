import { type ReactNode, type Ref, memo } from 'react'
import type { InboxItem } from '@tidings/client'
import { IconButton } from '../base/Button'
import {
  ArchiveIcon,
  BellIcon,
  ClockIcon,
  MuteIcon,
  ReadIcon,
  UnarchiveIcon,
  UnreadIcon,
  WarningIcon,
} from '../base/Icon'
import { type Dates, useDates } from '../format'
import { useOwner } from '../hooks'
import { useLabels } from '../labels/context'
import { ItemPicture } from './ItemPicture'
import type { Row as RowOf } from './rows'
import { type Side, useSwipe } from './useSwipe'

export type RowAction = 'archive' | 'unarchive' | 'read' | 'unread' | 'snooze' | 'unsnooze'

export interface RowProps {
  row: RowOf
  href: string
  now: number
  position: number
  count: number
  /** How far down it stands, where rows are placed; they follow each other without it. */
  top?: number
  isCompact: boolean
  isActive: boolean
  isOpen: boolean
  isSelected: boolean
  isNew: boolean
  isPending: boolean
  onOpen: (row: RowOf, byKeyboard: boolean) => void
  onFocus: (row: RowOf) => void
  /** Without it, rows cannot be selected. */
  onSelect?: (row: RowOf, isRange: boolean) => void
  onAction: (row: RowOf, action: RowAction) => void
  renderItem?: (item: InboxItem, content: ReactNode) => ReactNode
  ref?: Ref<HTMLLIElement>
}

/** One row of the list: a link, and what can be done to it. */
export const Row = memo(function Row(props: RowProps) {
  const { row, href, position, count, top, isActive, isOpen, isSelected, onSelect, onAction } =
    props
  const labels = useLabels()
  const { item } = row
  const isUnread = row.unreadIds.length > 0
  const content = <RowContent row={row} now={props.now} isPending={props.isPending} />
  const actions = actionsOf(row)
  const swiped: Record<Side, RowAction | undefined> = { start: actions.at(-1), end: actions[0] }
  const { swipe, handlers } = useSwipe(side => {
    const action = swiped[side]
    if (action) onAction(row, action)
  })
  const action = swipe && swiped[swipe.side]
  const parts = ['row', isUnread && 'row-unread', isOpen && 'row-open'].filter(Boolean).join(' ')
  return (
    <li
      className="tidings-row"
      part={parts}
      data-key={row.key}
      data-unread={isUnread || undefined}
      data-open={isOpen || undefined}
      data-selected={isSelected || undefined}
      data-compact={props.isCompact || undefined}
      data-new={props.isNew || undefined}
      data-swipe={swipe?.side}
      aria-setsize={count}
      aria-posinset={position}
      style={top === undefined ? undefined : { transform: `translateY(${top}px)` }}
      {...handlers}
    >
      {action ? (
        <span className="tidings-row-swipe" data-enough={swipe.isEnough || undefined}>
          {ICONS[action]}
          {labelOf(action, labels)}
        </span>
      ) : null}
      <a
        className="tidings-row-link"
        href={href}
        tabIndex={isActive ? 0 : -1}
        aria-current={isOpen || undefined}
        onFocus={() => props.onFocus(row)}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.button !== 0) return
          event.preventDefault()
          if (event.shiftKey && onSelect) onSelect(row, true)
          // A key clicks, too, but without a place.
          else props.onOpen(row, event.detail === 0)
        }}
      >
        {props.renderItem ? props.renderItem(item, content) : content}
      </a>
      {onSelect ? (
        <label className="tidings-row-check" data-tip={labels.select(item.title)}>
          <input
            type="checkbox"
            checked={isSelected}
            tabIndex={isActive ? 0 : -1}
            aria-label={labels.select(item.title)}
            onFocus={() => props.onFocus(row)}
            onChange={event => onSelect(row, (event.nativeEvent as MouseEvent).shiftKey)}
          />
        </label>
      ) : null}
      <span className="tidings-row-actions">
        {actions.map(action => (
          <IconButton
            key={action}
            size="small"
            label={labelOf(action, labels)}
            icon={ICONS[action]}
            tabIndex={isActive ? 0 : -1}
            onFocus={() => props.onFocus(row)}
            onClick={() => onAction(row, action)}
          />
        ))}
      </span>
    </li>
  )
})

const ICONS: Record<RowAction, ReactNode> = {
  archive: <ArchiveIcon />,
  unarchive: <UnarchiveIcon />,
  read: <ReadIcon />,
  unread: <UnreadIcon />,
  snooze: <ClockIcon />,
  unsnooze: <UnarchiveIcon />,
}

/** What can be done to a row; the same as in its pane. */
export function actionsOf({ item, unreadIds }: RowOf): RowAction[] {
  const mark = unreadIds.length > 0 ? 'read' : 'unread'
  if (item.archivedAt) return [mark, 'unarchive']
  if (item.snoozedUntil) return [mark, 'unsnooze', 'archive']
  return [mark, 'snooze', 'archive']
}

export function labelOf(action: RowAction, labels: ReturnType<typeof useLabels>): string {
  const names = { read: labels.markRead, unread: labels.markUnread }
  return action === 'read' || action === 'unread' ? names[action] : labels[action]
}

export function actionIcon(action: RowAction): ReactNode {
  return ICONS[action]
}

/** Who it is from; for activities that is in the title. */
export function senderOf(item: InboxItem, system: string): string | undefined {
  const { about } = item
  if (about?.__typename === 'Message') return about.sender?.name ?? system
  if (about?.__typename === 'Announcement') return about.author?.name
  return undefined
}

interface RowContentProps {
  row: RowOf
  now: number
  isPending: boolean
}

export function RowContent({ row, now, isPending }: RowContentProps) {
  const labels = useLabels()
  const dates = useDates()
  const locale = useOwner()?.locale ?? undefined
  const { item, unreadIds } = row
  const { thread } = item
  const sender = senderOf(item, labels.system)
  const fresh = Math.max(unreadIds.length, thread?.unreadCount ?? 0)
  const messages = thread?.messageCount ?? 0
  return (
    <>
      <span className="tidings-row-dot" part="unread-dot">
        {unreadIds.length > 0 ? <span className="tidings-hidden">{labels.unread}: </span> : null}
      </span>
      <span className="tidings-row-picture">
        <ItemPicture item={item} />
      </span>
      <span
        className="tidings-row-title"
        part="title"
        dir="auto"
        lang={item.kind === 'ACTIVITY' ? locale : undefined}
      >
        {item.title}
      </span>
      <span className="tidings-row-signs">
        {messages > 1 ? (
          <span className="tidings-chip" data-kind={fresh > 0 ? 'accent' : undefined}>
            {fresh > 0 ? labels.newInThread(fresh) : messages}
            {fresh > 0 ? null : (
              <span className="tidings-hidden">{labels.messagesInThread(messages)}</span>
            )}
          </span>
        ) : null}
        <Signs item={item} isPending={isPending} dates={dates} now={now} />
      </span>
      <time className="tidings-row-age" dateTime={item.updatedAt}>
        {dates.age(item.updatedAt, now)}
      </time>
      <span className="tidings-row-preview" dir="auto">
        {sender ? (
          <>
            <b>{sender}</b>
            {item.preview ? ' · ' : null}
          </>
        ) : null}
        {item.preview}
      </span>
    </>
  )
}

interface SignsProps {
  item: InboxItem
  isPending: boolean
  dates: Dates
  now: number
}

/** What is special about an item, in an icon and in words. */
function Signs({ item, isPending, dates, now }: SignsProps) {
  const labels = useLabels()
  return (
    <>
      {item.respondBy ? (
        <span className="tidings-chip" data-kind="danger">
          <WarningIcon size="small" />
          {labels.respondBy(dates.near(item.respondBy, now))}
        </span>
      ) : item.remindedAt && !item.readAt ? (
        <span className="tidings-chip" data-kind="warning">
          <BellIcon size="small" />
          {item.isFinalReminder ? labels.finalReminder : labels.reminded}
        </span>
      ) : null}
      {item.snoozedUntil ? (
        <span className="tidings-chip">
          <ClockIcon size="small" />
          {labels.snoozedUntil(dates.near(item.snoozedUntil, now))}
        </span>
      ) : null}
      {item.thread?.isMuted ? <Sign icon={<MuteIcon size="small" />} text={labels.muted} /> : null}
      {isPending ? <Sign icon={<ClockIcon size="small" />} text={labels.unsent} /> : null}
    </>
  )
}

function Sign({ icon, text }: { icon: ReactNode; text: string }) {
  return (
    <span className="tidings-sign" data-tip={text}>
      {icon}
      <span className="tidings-hidden">{text}</span>
    </span>
  )
}
