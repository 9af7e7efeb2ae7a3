/**
 * Short words that go by themselves: what has arrived, and what can be undone. At most three are
 * there at a time, and they wait while the pointer or the focus is on them.
 */

import {
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import type { InboxItem } from '@tidings/client'
import { useLabels } from '../labels/context'
import { Button, IconButton } from './Button'
import { CloseIcon } from './Icon'

export interface Toast {
  id: string
  title: string
  text?: string | null
  picture?: ReactNode
  /** What it is about: it goes when all of them are in sight. */
  items?: readonly InboxItem[]
  /** What a click on it does. */
  onOpen?: () => void
  action?: { label: string; onSelect: () => void }
  /** How long it stays; 6 seconds if omitted. */
  milliseconds?: number
}

const MOST = 3
const STAYS_MS = 6000

export class Toasts {
  #all: readonly Toast[] = []
  #layers: readonly Element[] = []
  readonly #listeners = new Set<() => void>()

  readonly get = () => this.#all
  /** The layer that they are shown in, if one is open. */
  readonly layer = () => this.#layers.at(-1)
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Shows one, in place of one of the same id. */
  show(toast: Toast) {
    this.#set([...this.#all.filter(other => other.id !== toast.id), toast].slice(-MOST))
  }

  hide(id: string) {
    this.#hideIf(toast => toast.id === id)
  }

  /** Hides those about items that can now be seen where they are. */
  hideWhatIsSeen(isInSight: (item: InboxItem) => boolean) {
    this.#hideIf(({ items }) => items?.every(isInSight) ?? false)
  }

  /**
   * Shows them in a layer that is open, the last of several, until the result is called: it may
   * cover the page, make it inert, or close with a click outside of it, as on Undo.
   */
  showIn(layer: Element) {
    this.#layers = [...this.#layers, layer]
    this.#tell()
    return () => {
      this.#layers = this.#layers.filter(other => other !== layer)
      this.#tell()
    }
  }

  #hideIf(goes: (toast: Toast) => boolean) {
    const left = this.#all.filter(toast => !goes(toast))
    if (left.length < this.#all.length) this.#set(left)
  }

  #set(all: readonly Toast[]) {
    this.#all = all
    this.#tell()
  }

  #tell() {
    for (const listener of this.#listeners) listener()
  }
}

export function ToastList({ toasts }: { toasts: Toasts }) {
  const all = useSyncExternalStore(toasts.subscribe, toasts.get, toasts.get)
  const labels = useLabels()
  const [isHeld, setHeld] = useState(false)
  const home = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLDivElement>(null)
  // React does not move what is rendered elsewhere, but makes it anew: notices that are there would
  // begin their time again.
  useLayoutEffect(() => {
    const place = () => {
      const into = toasts.layer() ?? home.current
      if (list.current && into && list.current.parentNode !== into) move(list.current, into)
    }
    place()
    return toasts.subscribe(place)
  }, [toasts])
  return (
    <div ref={home}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it only waits */}
      <div
        ref={list}
        className="tidings-toasts"
        part="toasts"
        role="region"
        aria-label={labels.notices}
        onPointerEnter={() => setHeld(true)}
        onPointerLeave={() => setHeld(false)}
        onFocus={() => setHeld(true)}
        onBlur={() => setHeld(false)}
      >
        {all.map(toast => (
          <One key={toast.id} toast={toast} toasts={toasts} isHeld={isHeld} />
        ))}
      </div>
    </div>
  )
}

/** Where the browser can do that, the focus and animations stay as they are. */
function move(list: Element, into: Element) {
  if (list.isConnected && 'moveBefore' in Element.prototype) into.moveBefore(list, null)
  else into.append(list)
}

function One({ toast, toasts, isHeld }: { toast: Toast; toasts: Toasts; isHeld: boolean }) {
  const labels = useLabels()
  useEffect(() => {
    if (isHeld) return
    const timer = setTimeout(() => toasts.hide(toast.id), toast.milliseconds ?? STAYS_MS)
    return () => clearTimeout(timer)
  }, [toast, toasts, isHeld])
  const close = () => toasts.hide(toast.id)
  const { action, onOpen } = toast
  const words = (
    <>
      <b>{toast.title}</b>
      {toast.text ? <small>{toast.text}</small> : null}
    </>
  )
  return (
    <div className="tidings-toast" part="toast">
      {toast.picture}
      {onOpen ? (
        <button
          type="button"
          className="tidings-toast-open"
          onClick={() => {
            close()
            onOpen()
          }}
        >
          {words}
        </button>
      ) : (
        <p>{words}</p>
      )}
      {action ? (
        <Button
          kind="quiet"
          onClick={() => {
            close()
            action.onSelect()
          }}
        >
          {action.label}
        </Button>
      ) : null}
      <IconButton label={labels.close} icon={<CloseIcon size="small" />} onClick={close} />
    </div>
  )
}
