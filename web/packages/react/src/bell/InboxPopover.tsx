/** A bell, and under it the newest items. */

import {
  Fragment,
  type ReactNode,
  type RefObject,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from 'react'
import type { InboxItem } from '@tidings/client'
import { ButtonLink, IconButton } from '../base/Button'
import { EmptyState } from '../base/EmptyState'
import { ArchiveIcon, CheckAllIcon, CloseIcon, SettingsIcon } from '../base/Icon'
import { CaughtUpPicture } from '../base/Pictures'
import { placeBeside } from '../base/place'
import { Tabs } from '../base/Tabs'
import { useTidingsContext } from '../context'
import { useNow } from '../format'
import { useCounts, useInbox } from '../hooks'
import { ConnectionBanner } from '../inbox/ConnectionBanner'
import { Failed } from '../inbox/Failed'
import { Row, type RowAction } from '../inbox/Row'
import { type Row as RowOf, rowsOf } from '../inbox/rows'
import { RowSkeletons } from '../inbox/RowSkeletons'
import { useMarks } from '../inbox/useMarks'
import { useLabels } from '../labels/context'
import { SnoozeDialog } from '../later'
import { Bell, type BellProps } from './Bell'

export interface InboxPopoverProps {
  /** Where all of the inbox is; without it, there is no link to it. */
  inboxHref?: string
  /** What a click on an item does; by default what the provider's `onOpenItem` does. */
  onItemClick?: (item: InboxItem) => void
  /** The address of an item, for its link; its own by default. */
  itemHref?: (item: InboxItem) => string
  onOpenInbox?: () => void
  onOpenPreferences?: () => void
  renderBell?: BellProps['renderBell']
  renderItem?: (item: InboxItem, content: ReactNode) => ReactNode
  renderEmpty?: () => ReactNode
}

export function InboxPopover(props: InboxPopoverProps) {
  const [isOpen, setOpen] = useState(false)
  const bell = useRef<HTMLButtonElement>(null)
  const popover = useRef<HTMLDivElement>(null)
  const id = useId()
  const labels = useLabels()
  return (
    <>
      <Bell
        ref={bell}
        renderBell={props.renderBell}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        popoverTarget={id}
      />
      <div
        ref={popover}
        id={id}
        role="dialog"
        aria-label={labels.inbox}
        tabIndex={-1}
        popover="auto"
        className="tidings tidings-layer tidings-popover"
        part="popover"
        lang={labels.locale}
        onToggle={event => {
          // The menus in it toggle, too.
          if (event.target !== event.currentTarget) return
          const opens = event.newState === 'open'
          setOpen(opens)
          if (!opens || !bell.current || !popover.current) return
          placeBeside(popover.current, bell.current)
          popover.current.focus()
        }}
      >
        {isOpen ? (
          <Content {...props} layer={popover} onClose={() => popover.current?.hidePopover()} />
        ) : null}
      </div>
    </>
  )
}

const NEWEST = 20

interface ContentProps extends InboxPopoverProps {
  layer: RefObject<HTMLDivElement | null>
  onClose: () => void
}

function Content({ layer, onClose, ...props }: ContentProps) {
  const labels = useLabels()
  const now = useNow()
  const marks = useMarks()
  const { client, toasts, onOpenItem, watch } = useTidingsContext()
  const [view, setView] = useState<'ACTIVE' | 'UNREAD'>('ACTIVE')
  const filter = view === 'UNREAD' ? { view } : undefined
  const { list, items, loading, error, isFresh } = useInbox(filter)
  const unread = useCounts()?.unread ?? 0
  const [activeKey, setActiveKey] = useState<string>()
  const [snoozing, setSnoozing] = useState<readonly string[]>()
  const rows = rowsOf(items.slice(0, NEWEST))
  const unseen = items.filter(item => !item.seenAt).length
  const firstOld = useFirstOld(rows)

  // Opening it is seeing what is in it, and what comes while it is open.
  useEffect(() => {
    if (unseen > 0) marks.seeAll()
  }, [unseen, marks])
  useEffect(() => watch(() => true), [watch])
  useLayoutEffect(() => (layer.current ? toasts.showIn(layer.current) : undefined), [layer, toasts])
  useEffect(() => SnoozeDialog.prepare(), [])

  const open = ({ item }: RowOf) => {
    onClose()
    marks.readSilently([item.id])
    if (props.onItemClick) props.onItemClick(item)
    else onOpenItem?.(item)
  }
  const act = ({ ids, item, unreadIds }: RowOf, action: RowAction) => {
    if (action === 'read') marks.read(unreadIds)
    else if (action === 'unread') marks.unread([item.id])
    else if (action === 'snooze') setSnoozing(ids)
    else marks[action](ids)
  }
  const move = (step: number) => {
    const index = rows.findIndex(row => row.key === activeKey)
    const next = rows[Math.max(0, Math.min(rows.length - 1, index + step))]
    if (!next) return
    const root = scroller.current
    root?.querySelector<HTMLElement>(`[data-key="${CSS.escape(next.key)}"] > a`)?.focus()
  }
  const scroller = useRef<HTMLDivElement>(null)

  return (
    <>
      <div className="tidings-popover-head">
        <h2>{labels.inbox}</h2>
        <IconButton
          label={labels.markAllRead}
          icon={<CheckAllIcon />}
          onClick={() => marks.readAll()}
        />
        <IconButton
          label={labels.archiveAll}
          icon={<ArchiveIcon />}
          disabled={rows.length === 0}
          onClick={() => marks.archiveAll(filter)}
        />
        {props.onOpenPreferences ? (
          <IconButton
            label={labels.preferences}
            icon={<SettingsIcon />}
            onClick={() => {
              onClose()
              props.onOpenPreferences?.()
            }}
          />
        ) : null}
        <IconButton label={labels.close} icon={<CloseIcon />} onClick={onClose} />
      </div>
      <ConnectionBanner />
      <Tabs
        label={labels.viewsTitle}
        current={view}
        onChange={setView}
        tabs={[
          { key: 'ACTIVE', label: labels.all },
          { key: 'UNREAD', label: unread > 0 ? `${labels.unread} (${unread})` : labels.unread },
        ]}
      >
        {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions -- its rows have the focus */}
        <div
          ref={scroller}
          className="tidings-popover-list"
          onKeyDown={event => {
            const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
            if (!step) return
            event.preventDefault()
            event.stopPropagation()
            move(step)
          }}
        >
          {error && items.length === 0 ? (
            <Failed error={error} onRetry={() => list.retry()} />
          ) : rows.length > 0 ? (
            // eslint-disable-next-line jsx-a11y/no-redundant-roles -- Safari forgets it otherwise
            <ul role="list" aria-label={labels.list}>
              {rows.map((row, index) => (
                <Fragment key={row.key}>
                  {row.key === firstOld ? (
                    <li className="tidings-earlier">{labels.earlier}</li>
                  ) : null}
                  <Row
                    row={row}
                    href={props.itemHref?.(row.item) ?? '#'}
                    now={now}
                    position={index + 1}
                    count={rows.length}
                    isCompact={false}
                    isActive={row.key === (activeKey ?? rows[0]?.key)}
                    isOpen={false}
                    isSelected={false}
                    isNew={false}
                    isPending={row.ids.some(one => client.inbox.isPending(one))}
                    onOpen={open}
                    onFocus={focused => setActiveKey(focused.key)}
                    onAction={act}
                    renderItem={props.renderItem}
                  />
                </Fragment>
              ))}
            </ul>
          ) : loading === 'first' && !isFresh ? (
            <RowSkeletons count={5} />
          ) : (
            (props.renderEmpty?.() ?? (
              <EmptyState title={labels.empty[view][0]} picture={<CaughtUpPicture />}>
                {labels.empty[view][1]}
              </EmptyState>
            ))
          )}
        </div>
      </Tabs>
      {snoozing ? (
        <SnoozeDialog
          onClose={() => setSnoozing(undefined)}
          onChoose={until => {
            setSnoozing(undefined)
            marks.snooze(snoozing, until)
          }}
        />
      ) : null}
      {props.inboxHref ? (
        <div className="tidings-popover-foot">
          <ButtonLink
            href={props.inboxHref}
            kind="quiet"
            onClick={event => {
              if (!props.onOpenInbox || event.metaKey || event.ctrlKey) return
              event.preventDefault()
              onClose()
              props.onOpenInbox()
            }}
          >
            {labels.openInbox}
          </ButtonLink>
        </div>
      ) : null}
    </>
  )
}

/**
 * The first row that has been seen before, if there are rows above it that were not: to see them is
 * to open this, so what they were then is remembered.
 */
function useFirstOld(rows: readonly RowOf[]): string | undefined {
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set())
  const unseen = rows.filter(({ item }) => !item.seenAt && !fresh.has(item.id))
  if (unseen.length > 0) setFresh(new Set([...fresh, ...unseen.map(({ item }) => item.id)]))
  const last = rows.findLastIndex(({ item }) => fresh.has(item.id))
  return last < 0 ? undefined : rows[last + 1]?.key
}
