/** Above the list: which one it is, the search, and what can be done to all or to the selected. */

import { type RefObject, useEffect, useState } from 'react'
import { IconButton } from '../base/Button'
import {
  ArchiveIcon,
  CheckAllIcon,
  CheckIcon,
  CloseIcon,
  DensityIcon,
  HelpIcon,
  MoreIcon,
  SearchIcon,
  SettingsIcon,
} from '../base/Icon'
import { Menu } from '../base/Menu'
import { useCatalog } from '../catalog'
import { useLabels } from '../labels/context'
import type { Density } from './density'
import { type Place, readSearch } from './place'
import { type RowAction, actionIcon, actionsOf, labelOf } from './Row'
import type { Row } from './rows'

export interface ListHeadProps {
  place: Place
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
}

export function ListHead(props: ListHeadProps) {
  const { place, density, selectedCount, onNavigate } = props
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

/** While somebody types, the list is not asked for each letter. */
const TYPING_MS = 250

function SearchField({ place, searchRef, onNavigate }: ListHeadProps) {
  const labels = useLabels()
  const [text, setText] = useState(place.search ?? '')
  const [known, setKnown] = useState(place.search)
  if (known !== place.search) {
    setKnown(place.search)
    setText(place.search ?? '')
  }
  useEffect(() => {
    const { named, rest } = readSearch(text)
    const search = rest || undefined
    const isNamed = Object.keys(named).length > 0
    if (search === place.search && !isNamed) return
    const timer = setTimeout(() => {
      setKnown(search)
      // The list shows in the heading from then on.
      if (isNamed) setText(rest)
      onNavigate({ ...place, ...named, search, item: undefined }, true)
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [text, place, onNavigate])
  return (
    <div className="tidings-search" role="search">
      <SearchIcon size="small" />
      <input
        ref={searchRef}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        className="tidings-field"
        aria-label={labels.search}
        placeholder={labels.searchPlaceholder}
        maxLength={200}
        value={text}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key !== 'Escape') return
          event.stopPropagation()
          if (text) setText('')
          else event.currentTarget.blur()
        }}
      />
      {text ? (
        <IconButton
          size="small"
          label={labels.clearSearch}
          icon={<CloseIcon size="small" />}
          onClick={() => {
            setText('')
            searchRef.current?.focus()
          }}
        />
      ) : (
        <kbd className="tidings-kbd" aria-hidden="true">
          /
        </kbd>
      )}
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
