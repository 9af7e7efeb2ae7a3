import type { ReactNode } from 'react'
import type { InboxCounts, InboxView } from '@tidings/client'
import {
  ActivityIcon,
  ArchiveIcon,
  ClockIcon,
  InboxIcon,
  MegaphoneIcon,
  MessageIcon,
  SearchIcon,
  StackIcon,
  TagIcon,
  UnreadIcon,
} from '../base/Icon'
import { useCatalog } from '../catalog'
import { useCounts } from '../hooks'
import { useLabels } from '../labels/context'
import { KINDS, type Place, VIEWS } from './place'
import { type SavedSearch, isSame } from './searches'

const VIEW_ICONS: Record<InboxView, ReactNode> = {
  ACTIVE: <InboxIcon />,
  UNREAD: <UnreadIcon />,
  SNOOZED: <ClockIcon />,
  ARCHIVED: <ArchiveIcon />,
  ALL: <StackIcon />,
}

const KIND_ICONS = {
  MESSAGE: <MessageIcon />,
  ANNOUNCEMENT: <MegaphoneIcon />,
  ACTIVITY: <ActivityIcon />,
}

export interface SidebarProps {
  place: Place
  searches: readonly SavedSearch[]
  hrefFor: (place: Place) => string
  onNavigate: (place: Place) => void
  /** What a host adds at the end. */
  children?: ReactNode
}

/** Which list: the views, and in each the kinds and the catalog's categories, if it has any. */
export function Sidebar({ place, searches, hrefFor, onNavigate, children }: SidebarProps) {
  const labels = useLabels()
  const counts = useCounts()
  const catalog = useCatalog()
  const { view } = place
  const categories = catalog.isSettled ? (counts?.unreadByCategory ?? []) : []
  const links = { hrefFor, onNavigate }
  return (
    <nav className="tidings-sidebar" part="sidebar" aria-label={labels.viewsTitle}>
      <ul>
        {VIEWS.map(one => (
          <NavLink
            key={one}
            {...links}
            to={{ view: one }}
            isCurrent={one === view && !place.preferences}
            icon={VIEW_ICONS[one]}
            label={labels.views[one]}
            count={countOf(one, counts)}
            countLabel={one === 'SNOOZED' ? labels.itemCount : labels.unreadCount}
          />
        ))}
      </ul>
      {/* On a phone, a row that scrolls; the views are all in sight above it. */}
      <div className="tidings-kinds">
        <h2 className="tidings-sidebar-title">{labels.kindsTitle}</h2>
        <ul>
          {KINDS.map(kind => (
            <NavLink
              key={kind}
              {...links}
              // Chosen again, all kinds are back.
              to={{ view, kind: place.kind === kind ? undefined : kind }}
              isCurrent={place.kind === kind}
              icon={KIND_ICONS[kind]}
              label={labels.kinds[kind]}
              count={counts?.unreadByKind.find(one => one.kind === kind)?.count ?? 0}
              countLabel={labels.unreadCount}
            />
          ))}
        </ul>
        {categories.length > 0 ? (
          <>
            <h2 className="tidings-sidebar-title">{labels.categoriesTitle}</h2>
            <ul>
              {categories.map(({ category, count }) => (
                <NavLink
                  key={category}
                  {...links}
                  to={{ view, category: place.category === category ? undefined : category }}
                  isCurrent={place.category === category}
                  icon={<TagIcon />}
                  label={catalog.category(category)}
                  count={count}
                  countLabel={labels.unreadCount}
                />
              ))}
            </ul>
          </>
        ) : null}
        {searches.length > 0 ? (
          <>
            <h2 className="tidings-sidebar-title">{labels.searchesTitle}</h2>
            <ul>
              {searches.map(({ name, place: to }) => (
                <NavLink
                  key={name}
                  {...links}
                  to={to}
                  isCurrent={isSame(to, place)}
                  icon={<SearchIcon />}
                  label={name}
                  count={0}
                  countLabel={labels.unreadCount}
                />
              ))}
            </ul>
          </>
        ) : null}
      </div>
      {children}
    </nav>
  )
}

interface NavLinkProps {
  to: Place
  hrefFor: (place: Place) => string
  onNavigate: (place: Place) => void
  isCurrent: boolean
  icon: ReactNode
  label: string
  count: number
  /** What the number says, for those who only hear it. */
  countLabel: (count: number) => string
}

function NavLink({ to, hrefFor, onNavigate, isCurrent, icon, label, ...props }: NavLinkProps) {
  return (
    <li>
      <a
        className="tidings-nav-link"
        part="nav-link"
        href={hrefFor(to)}
        aria-current={isCurrent ? 'page' : undefined}
        onClick={event => {
          if (event.metaKey || event.ctrlKey) return
          event.preventDefault()
          onNavigate(to)
        }}
      >
        {icon}
        <span>{label}</span>
        {props.count > 0 ? (
          <span className="tidings-count">
            <span aria-hidden="true">{props.count}</span>
            <span className="tidings-hidden">{props.countLabel(props.count)}</span>
          </span>
        ) : null}
      </a>
    </li>
  )
}

/** “Inbox” counts what is unread: how much there is in all says little. */
function countOf(view: InboxView, counts: InboxCounts | undefined) {
  if (!counts) return 0
  return { ACTIVE: 0, UNREAD: counts.unread, SNOOZED: counts.snoozed, ARCHIVED: 0, ALL: 0 }[view]
}
