/** The keyboard shortcuts. They are off while somebody types, and in menus and dialogs. */

import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react'

export type Command =
  | 'next'
  | 'previous'
  | 'rangeNext'
  | 'rangePrevious'
  | 'select'
  | 'open'
  | 'back'
  | 'archive'
  | 'snooze'
  | 'read'
  | 'unread'
  | 'reply'
  | 'mute'
  | 'compose'
  | 'search'
  | 'goInbox'
  | 'goSent'
  | 'goDashboard'
  | 'undo'
  | 'help'

/** Keys that are no letters, and so are never in the way of speech input. */
const PLAIN: Record<string, Command> = {
  ArrowDown: 'next',
  ArrowUp: 'previous',
  'Shift+ArrowDown': 'rangeNext',
  'Shift+ArrowUp': 'rangePrevious',
  Enter: 'open',
  Escape: 'back',
}

const SINGLE: Record<string, Command> = {
  j: 'next',
  k: 'previous',
  x: 'select',
  o: 'open',
  e: 'archive',
  h: 'snooze',
  I: 'read',
  U: 'unread',
  r: 'reply',
  m: 'mute',
  c: 'compose',
  '/': 'search',
  z: 'undo',
  '?': 'help',
}

const AFTER_G: Record<string, Command> = { i: 'goInbox', s: 'goSent', d: 'goDashboard' }
/** `g` waits so long for the second key. */
const SEQUENCE_MS = 1500

export interface KeysOptions {
  within: RefObject<HTMLElement | null>
  /** On the whole page, and not only where the focus is in the inbox. */
  isPage: boolean
  singleKeys: boolean
  /** Returns whether it did something; otherwise the browser does. */
  onCommand: (command: Command, event: KeyboardEvent) => boolean
}

export function useKeys({ within, isPage, singleKeys, onCommand }: KeysOptions) {
  const latest = useRef(onCommand)
  // At once: the next key may come before the browser has painted.
  useLayoutEffect(() => {
    latest.current = onCommand
  })
  useEffect(() => {
    const place: HTMLElement | Document | null = isPage ? document : within.current
    if (!place) return
    let waitsSince: number | undefined
    const listener = (event: Event) => {
      if (!(event instanceof KeyboardEvent) || event.defaultPrevented || event.isComposing) return
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const target = event.composedPath()[0]
      if (!(target instanceof Element) || isBusy(target)) return
      const isSecond = waitsSince !== undefined && event.timeStamp - waitsSince < SEQUENCE_MS
      waitsSince = undefined
      if (singleKeys && event.key === 'g' && !isSecond) {
        waitsSince = event.timeStamp
        return
      }
      const single = singleKeys ? (isSecond ? AFTER_G : SINGLE)[event.key] : undefined
      const command = single ?? PLAIN[event.shiftKey ? `Shift+${event.key}` : event.key]
      if (!command) return
      // The arrows scroll, and Enter presses, where they are not about rows.
      const isAboutRows = target.closest('.tidings-row') !== null
      if (!single && command !== 'back' && !isAboutRows) return
      // A link or button does what it does by itself.
      if (event.key === 'Enter') return
      if (latest.current(command, event)) event.preventDefault()
    }
    place.addEventListener('keydown', listener)
    return () => place.removeEventListener('keydown', listener)
  }, [within, isPage, singleKeys])
}

const TEXT = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]'

function isBusy(target: Element) {
  return target.matches(TEXT) || target.closest('dialog, .tidings-layer') !== null
}
