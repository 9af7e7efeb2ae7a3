/**
 * Where somebody types what to look for: words, the names of lists, and whom it is from. The last is
 * a combobox as the ARIA practices describe it.
 */

import {
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useEffect,
  useId,
  useState,
} from 'react'
import type { InboxItem, Person } from '@tidings/client'
import { Avatar } from '../base/Avatar'
import { IconButton } from '../base/Button'
import { CloseIcon, SearchIcon } from '../base/Icon'
import { SenderDocument } from '../generated/documents'
import { useDocument } from '../hooks'
import { useDates } from '../format'
import { useLabels } from '../labels/context'
import { type Place, readSearch, startOf } from './place'
import { sendersOf, usePeople } from './usePeople'

/** While somebody types, the list is not asked for each letter. */
const TYPING_MS = 250

export interface SearchFieldProps {
  place: Place
  /** What the list shows. */
  items: readonly InboxItem[]
  searchRef: RefObject<HTMLInputElement | null>
  onNavigate: (place: Place, replace?: boolean) => void
}

export function SearchField({ place, items, searchRef, onNavigate }: SearchFieldProps) {
  const labels = useLabels()
  const dates = useDates()
  const listId = useId()
  const [text, setText] = useState(place.search ?? '')
  const [known, setKnown] = useState(place.search)
  const [hasFocus, setFocus] = useState(false)
  const [active, setActive] = useState(0)
  const [chosen, setChosen] = useState<Person>()
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
      if (isNamed) setText(withoutNames(text))
      onNavigate({ ...place, ...named, search, item: undefined }, true)
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [text, place, onNavigate])

  const { named, rest, from } = readSearch(text)
  const { people, isNobody } = usePeople(hasFocus ? from : undefined, items)
  const current = people[Math.min(active, people.length - 1)]
  const show = (sender: Person | undefined) => {
    const search = rest || undefined
    setText(rest)
    setKnown(search)
    setChosen(sender)
    const kind = sender && place.kind !== 'MESSAGE' ? undefined : place.kind
    onNavigate({ ...place, kind, ...named, sender: sender?.id, search, item: undefined })
    searchRef.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && people.length > 0) {
      event.preventDefault()
      setActive((Math.min(active, people.length - 1) + step + people.length) % people.length)
    } else if (event.key === 'Enter' && current) {
      event.preventDefault()
      show(current)
    } else if (event.key === 'Backspace' && text === '' && place.sender) {
      show(undefined)
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      if (text) setText('')
      else searchRef.current?.blur()
    }
  }
  const sender = [chosen, ...sendersOf(items)].find(person => person?.id === place.sender)
  return (
    <>
      <div className="tidings-search" role="search">
        <SearchIcon size="small" />
        <input
          ref={searchRef}
          type="text"
          role="combobox"
          inputMode="search"
          enterKeyHint="search"
          autoComplete="off"
          className="tidings-field"
          aria-label={labels.search}
          aria-autocomplete="list"
          aria-expanded={people.length > 0}
          aria-controls={people.length > 0 ? listId : undefined}
          aria-activedescendant={current && `${listId}-${current.id}`}
          placeholder={labels.searchPlaceholder}
          maxLength={200}
          value={text}
          onChange={event => {
            setText(event.target.value)
            setActive(0)
          }}
          onFocus={() => setFocus(true)}
          onBlur={() => setFocus(false)}
          onKeyDown={onKeyDown}
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
        {people.length > 0 ? (
          <div
            className="tidings-layer tidings-people"
            id={listId}
            role="listbox"
            aria-label={labels.from}
          >
            {people.map(person => (
              // The keys are the input's.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <div
                key={person.id}
                id={`${listId}-${person.id}`}
                role="option"
                tabIndex={-1}
                aria-selected={person === current}
                className="tidings-menu-item"
                // Before the input loses the focus.
                onPointerDown={event => event.preventDefault()}
                onClick={() => show(person)}
              >
                <Avatar name={person.name} url={person.avatarUrl} size="small" />
                <span dir="auto">{person.name}</span>
              </div>
            ))}
          </div>
        ) : null}
        <div role="status">
          {isNobody ? (
            <p className="tidings-layer tidings-people">{labels.nobodyNamed(from ?? '')}</p>
          ) : null}
        </div>
      </div>
      {place.sender ? (
        <Limit label={labels.from} end={labels.fromAnybody} onEnd={() => show(undefined)}>
          {sender ? <Name person={sender} /> : <AskedName id={place.sender} />}
        </Limit>
      ) : null}
      {(['after', 'before'] as const).map(end => {
        const day = startOf(place[end])
        const onEnd = () => {
          onNavigate({ ...place, [end]: undefined, item: undefined })
          searchRef.current?.focus()
        }
        return day ? (
          <Limit key={end} label={labels[end]} end={labels.atAnyTime} onEnd={onEnd}>
            <span className="tidings-chip">{dates.day(day)}</span>
          </Limit>
        ) : null
      })}
    </>
  )
}

interface LimitProps {
  label: string
  /** What the button says that takes it back. */
  end: string
  onEnd: () => void
  children: ReactNode
}

/** What a search is limited to, beside its words. */
function Limit({ label, end, onEnd, children }: LimitProps) {
  return (
    <p className="tidings-search-from">
      {label}
      {children}
      <IconButton size="small" label={end} icon={<CloseIcon size="small" />} onClick={onEnd} />
    </p>
  )
}

/** What is left of a text when the list that it names has been opened. */
function withoutNames(text: string) {
  const { rest, from } = readSearch(text)
  const left = [rest, ...(from === undefined ? [] : [fromName(from)])].join(' ').trim()
  // Somebody may be between two words.
  return left && /\s$/.test(text) ? `${left} ` : left
}

/** A name as it is typed. */
const fromName = (name: string) => (name.includes(' ') ? `from:"${name}"` : `from:${name}`)

function Name({ person }: { person: Person }) {
  return (
    <span className="tidings-chip" dir="auto">
      {person.name}
    </span>
  )
}

/** Of somebody from whom nothing is here, as an address may name. */
function AskedName({ id }: { id: string }) {
  const labels = useLabels()
  const { data, isLoading } = useDocument(SenderDocument, { id })
  const name = data?.user?.name ?? (isLoading ? '…' : labels.nobodyKnown)
  return (
    <span className="tidings-chip" dir="auto">
      {name}
    </span>
  )
}
