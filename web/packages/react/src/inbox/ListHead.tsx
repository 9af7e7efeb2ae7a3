/** Above the list: which one it is, the search, and what can be done to all or to the selected. */

import type { RefObject } from 'react'
import type { InboxItem } from '@tidings/client'
import { IconButton } from '../base/Button'
import {
  ArchiveIcon,
  CheckAllIcon,
  CheckIcon,
  CloseIcon,
  DensityIcon,
  HelpIcon,
  MoreIcon,
  SaveIcon,
  SettingsIcon,
} from '../base/Icon'
import { Menu } from '../base/Menu'
import { useCatalog } from '../catalog'
import { useLabels } from '../labels/context'
import type { Density } from './density'
import { type Place, isSearch } from './place'
import { type RowAction, actionIcon, actionsOf, labelOf } from './Row'
import type { Row } from './rows'
import { SearchField } from './SearchField'

export interface ListHeadProps {
  place: Place
  items: readonly InboxItem[]
  searchRef: RefObject<HTMLInputElement | null>
  density: Density
  onDensity: (density: Density) => void
  selectedCount: number
  subjects: () => readonly Row[]
  onAction: (rows: readonly Row[], action: RowAction) => void
  onClearSelection: () => void
  onNavigate: (place: Place, replace?: boolean) => void
  onReadAll: () => void
  onArchiveAll: () => void
  onHelp: () => void
  /** Whether the search of this place has been saved. */
  isSaved: boolean
  onNameSearch: () => void
  onRemoveSearch: () => void
}

export function ListHead(props: ListHeadProps) {
  const { place, density, selectedCount, isSaved, onNavigate } = props
  const labels = useLabels()
  const catalog = useCatalog()
  if (selectedCount > 0) return <SelectionHead {...props} />
  const { kind, category } = place
  const part = category ? catalog.category(category) : kind && labels.kinds[kind]
  return (
    <div className="tidings-head" part="head">
      <div className="tidings-head-line">
        <h1>
          {part ?? labels.views[place.view]}
          {part ? <small>{labels.views[place.view]}</small> : null}
        </h1>
        <IconButton
          label={labels.markAllRead}
          icon={<CheckAllIcon />}
          onClick={props.onReadAll}
          disabled={place.view === 'ARCHIVED'}
        />
        <Menu
          label={labels.more}
          icon={<MoreIcon />}
          items={[
            {
              label: labels.archiveAll,
              icon: <ArchiveIcon />,
              onSelect: props.onArchiveAll,
            },
            ...(isSearch(place)
              ? [
                  {
                    label: isSaved ? labels.removeSearch : labels.saveSearch,
                    icon: <SaveIcon />,
                    onSelect: isSaved ? props.onRemoveSearch : props.onNameSearch,
                  },
                  ...(isSaved
                    ? [
                        {
                          label: labels.renameSearch,
                          icon: <SaveIcon />,
                          onSelect: props.onNameSearch,
                        },
                      ]
                    : []),
                ]
              : []),
            {
              label: labels.comfortable,
              icon: density === 'comfortable' ? <CheckIcon /> : <DensityIcon />,
              isChosen: density === 'comfortable',
              isSeparate: true,
              onSelect: () => props.onDensity('comfortable'),
            },
            {
              label: labels.compact,
              icon: density === 'compact' ? <CheckIcon /> : <DensityIcon />,
              isChosen: density === 'compact',
              onSelect: () => props.onDensity('compact'),
            },
            {
              label: labels.preferences,
              icon: <SettingsIcon />,
              isSeparate: true,
              onSelect: () => onNavigate({ ...place, item: undefined, preferences: true }),
            },
            { label: labels.shortcuts, icon: <HelpIcon />, hint: '?', onSelect: props.onHelp },
          ]}
        />
      </div>
      <SearchField {...props} />
    </div>
  )
}

/** What can be done to all that are selected. */
function SelectionHead({ selectedCount, subjects, onAction, onClearSelection }: ListHeadProps) {
  const labels = useLabels()
  const rows = subjects()
  const hasUnread = rows.some(row => row.unreadIds.length > 0)
  const first = rows[0]
  const others = first ? actionsOf(first).filter(one => one !== 'read' && one !== 'unread') : []
  const actions: RowAction[] = [hasUnread ? 'read' : 'unread', ...others]
  return (
    <div className="tidings-head tidings-head-selected" part="head">
      <div className="tidings-head-line">
        <IconButton
          label={labels.clearSelection}
          icon={<CloseIcon />}
          shortcut="Esc"
          onClick={onClearSelection}
        />
        <h1 aria-live="polite">{labels.selected(selectedCount)}</h1>
        {actions.map(action => (
          <IconButton
            key={action}
            label={labelOf(action, labels)}
            icon={actionIcon(action)}
            onClick={() => onAction(rows, action)}
          />
        ))}
      </div>
    </div>
  )
}
