// Whom a message goes to: people and groups, found by what somebody types. A combobox as the ARIA
// practices describe it: the focus stays in the input, and the arrow keys go through the list.

import { Avatar, CloseIcon, PeopleIcon } from '@tidings/react'
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { FindGroupsDocument, FindPeopleDocument, MyGroupsDocument } from '../generated/documents'
import { isHost, useApp } from '../lib/app'
import { Field } from '../lib/Field'
import { useQuery } from '../lib/query'
import { useSettled } from '../lib/settled'
import { useTexts } from '../texts'
import type { Address } from './draft'
import './address.css'

const MOST_PEOPLE = 8
const MOST_GROUPS = 5

interface AddressFieldProps {
  label: string
  value: Address[]
  onChange(value: Address[]): void
  error?: string | undefined
  /** The most addresses. */
  most: number
  /** Only people. */
  only?: 'user'
  placeholder?: string
  /** The form was just opened to write in it. */
  isFirst?: boolean
}

export function AddressField(props: AddressFieldProps) {
  const { label, value, onChange, error, most, only, placeholder, isFirst } = props
  const { compose, common } = useTexts()
  const { me } = useApp()
  const [text, setText] = useState('')
  const [isOpen, setOpen] = useState(false)
  const [active, setActive] = useState(0)
  const input = useRef<HTMLInputElement>(null)
  const list = useId()
  // React's autoFocus comes before the dialog is shown; the dialog looks at the attribute.
  useEffect(() => {
    input.current?.toggleAttribute('autofocus', isFirst ?? false)
  }, [isFirst])
  const found = useFound(useSettled(text.trim(), 150), isOpen)
  const options = [...(only ? [] : found.groups), ...found.people].filter(
    option => !value.some(({ id }) => id === option.id),
  )
  const current = options[Math.min(active, options.length - 1)]

  const add = (address: Address) => {
    onChange([...value, address])
    setText('')
    setActive(0)
    input.current?.focus()
  }
  const remove = (address: Address) => {
    onChange(value.filter(({ id }) => id !== address.id))
    input.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) {
      event.preventDefault()
      if (!isOpen) setOpen(true)
      else if (options.length > 0) {
        setActive(
          index => (Math.min(index, options.length - 1) + step + options.length) % options.length,
        )
      }
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey && isOpen && current) {
      event.preventDefault()
      add(current)
    } else if (event.key === 'Escape' && isOpen && text) {
      // The first Escape closes the list, the second the form.
      event.preventDefault()
      event.stopPropagation()
      setText('')
      setOpen(false)
    } else if (event.key === 'Backspace' && text === '') {
      const last = value.at(-1)
      if (last) remove(last)
    }
  }

  const isAsking = isOpen && value.length < most
  const isShown = isAsking && options.length > 0
  const isNobody = isAsking && !isShown && text.trim() !== '' && !found.isLoading
  const hint = me?.server.addressBook === 'GROUPS' && !isHost(me) ? compose.onlyGroups : undefined
  return (
    <Field label={label} hint={value.length === 0 ? hint : undefined} error={error}>
      {attributes => (
        <div className="app-people">
          {value.length > 0 && (
            <ul aria-label={label}>
              {value.map(address => (
                <li key={address.id} className="app-person-chip">
                  <AddressPicture address={address} />
                  <span>{address.name}</span>
                  <button
                    type="button"
                    aria-label={common.remove(address.name)}
                    onClick={() => remove(address)}
                  >
                    <CloseIcon size="small" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          <input
            {...attributes}
            ref={input}
            role="combobox"
            autoComplete="off"
            spellCheck={false}
            aria-autocomplete="list"
            aria-expanded={isShown}
            aria-controls={isShown ? list : undefined}
            aria-activedescendant={isShown && current ? `${list}-${current.id}` : undefined}
            placeholder={value.length === 0 ? (placeholder ?? compose.toPlaceholder) : undefined}
            readOnly={value.length >= most}
            value={text}
            onChange={event => {
              setText(event.target.value)
              setActive(0)
              setOpen(true)
            }}
            // Not with the focus alone: the list would hide the form that has just been opened.
            onClick={() => setOpen(true)}
            onBlur={() => setOpen(false)}
            onKeyDown={onKeyDown}
          />
          {isShown && (
            <div
              className="app-people-list tidings-layer"
              id={list}
              role="listbox"
              aria-label={label}
            >
              {options.map(option => (
                // The keys are the input's.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={option.id}
                  id={`${list}-${option.id}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={option === current}
                  className="app-people-option"
                  // Before the input loses the focus.
                  onPointerDown={event => event.preventDefault()}
                  onClick={() => add(option)}
                  ref={element => {
                    if (option === current) element?.scrollIntoView({ block: 'nearest' })
                  }}
                >
                  <AddressPicture address={option} />
                  <span>{option.name}</span>
                  {option.memberCount !== undefined && (
                    <small>{common.members(option.memberCount)}</small>
                  )}
                </div>
              ))}
            </div>
          )}
          <div role="status">
            {isNobody && (
              <p className="app-people-list app-people-none tidings-layer">
                {compose.noMatch(text.trim())}
              </p>
            )}
          </div>
        </div>
      )}
    </Field>
  )
}

function AddressPicture({ address }: { address: Address }) {
  return address.type === 'group' ? (
    <Avatar name={address.name} size="small" icon={<PeopleIcon size="small" />} />
  ) : (
    <Avatar name={address.name} url={address.avatarUrl} size="small" />
  )
}

/** The people and groups that fit. Groups come first: there are few of them. */
function useFound(search: string, isOpen: boolean) {
  const { me } = useApp()
  const host = isHost(me)
  const nobody = !host && me?.server.addressBook === 'NOBODY'
  const asks = isOpen && !nobody
  const people = useQuery(
    FindPeopleDocument,
    asks ? { search: search || null, first: MOST_PEOPLE } : null,
  )
  const groups = useQuery(
    FindGroupsDocument,
    asks && host ? { search: search || null, first: MOST_GROUPS } : null,
  )
  // Others find only their own groups, all of which fit into one answer.
  const own = useQuery(MyGroupsDocument, asks && !host ? NOTHING : null)
  const word = search.toLowerCase()
  const ownGroups = (own.data?.viewer?.groups?.nodes ?? [])
    .filter(({ name }) => name.toLowerCase().includes(word))
    .slice(0, MOST_GROUPS)
  return {
    isLoading: people.isLoading,
    people: (people.data?.people?.nodes ?? []).map((person): Address => ({
      type: 'user',
      ...person,
    })),
    groups: (host ? (groups.data?.groups?.nodes ?? []) : ownGroups).map((group): Address => ({
      type: 'group',
      avatarUrl: null,
      ...group,
    })),
  }
}

const NOTHING = {}
