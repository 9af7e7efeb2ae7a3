/** A button that opens a short list of things to do. */

import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react'
import { IconButton } from './Button'
import { placeBeside } from './place'

export interface MenuItem {
  label: string
  icon?: ReactNode
  /** Said after it, such as a time or a key. */
  hint?: string
  onSelect: () => void
  /** Begins a new part of the menu. */
  isSeparate?: boolean
  /** For items of which one is chosen. */
  isChosen?: boolean
}

export interface MenuProps {
  label: string
  icon: ReactNode
  items: readonly MenuItem[]
  shortcut?: string
  size?: 'small'
  tabIndex?: number
  disabled?: boolean
  /** Something above the items, such as a form. */
  children?: ReactNode
}

export function Menu({ label, icon, items, shortcut, size, tabIndex, disabled }: MenuProps) {
  const [isOpen, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const menu = useRef<HTMLDivElement>(null)
  const id = useId()

  const focus = (step: (index: number, count: number) => number) => {
    const all = [...(menu.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])]
    const root = menu.current?.getRootNode() as Document | ShadowRoot
    const now = all.indexOf(root.activeElement as HTMLElement)
    all[step(now, all.length)]?.focus()
  }
  // Once its items are there: without the focus, Escape would be for what is behind it.
  useLayoutEffect(() => {
    if (!isOpen || !button.current || !menu.current) return
    placeBeside(menu.current, button.current)
    menu.current.querySelector<HTMLElement>('[role^=menuitem]')?.focus()
  }, [isOpen])
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, (index: number, count: number) => number> = {
      ArrowDown: (index, count) => (index + 1) % count,
      ArrowUp: (index, count) => (index - 1 + count) % count,
      Home: () => 0,
      End: (_, count) => count - 1,
    }
    const step = steps[event.key]
    if (event.key === 'Tab') menu.current?.hidePopover()
    // The keys of the inbox are not for here.
    event.stopPropagation()
    if (!step) return
    event.preventDefault()
    focus(step)
  }

  return (
    <>
      <IconButton
        ref={button}
        label={label}
        icon={icon}
        shortcut={shortcut}
        size={size}
        tabIndex={tabIndex}
        disabled={disabled}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        popoverTarget={id}
      />
      <div
        ref={menu}
        id={id}
        role="menu"
        tabIndex={-1}
        aria-label={label}
        popover="auto"
        className="tidings tidings-layer tidings-menu"
        part="menu"
        onKeyDown={onKeyDown}
        onToggle={event => setOpen(event.newState === 'open')}
      >
        {isOpen ? items.map(item => <Item key={item.label} item={item} menu={menu} />) : null}
      </div>
    </>
  )
}

function Item({ item, menu }: { item: MenuItem; menu: React.RefObject<HTMLDivElement | null> }) {
  const { label, icon, hint, isSeparate, isChosen, onSelect } = item
  return (
    <>
      {isSeparate ? <hr /> : null}
      <button
        type="button"
        role={isChosen === undefined ? 'menuitem' : 'menuitemradio'}
        aria-checked={isChosen}
        tabIndex={-1}
        className="tidings-menu-item"
        onClick={() => {
          // First, so that the focus is back when the action moves it.
          menu.current?.hidePopover()
          onSelect()
        }}
      >
        {icon}
        <span>{label}</span>
        {hint ? <small>{hint}</small> : null}
      </button>
    </>
  )
}
