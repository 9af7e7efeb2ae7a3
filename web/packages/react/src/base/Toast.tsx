/**
 * Short words that go by themselves: what has arrived, and what can be undone. At most three are
 * there at a time, and they wait while the pointer or the focus is on them.
 */

import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react'
import { createPortal } from 'react-dom'
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
  #layer: Element | undefined
  readonly #listeners = new Set<() => void>()

  readonly get = () => this.#all
  readonly layer = () => this.#layer
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
   * Shows them in a layer that is open, until the result is called: a click outside of it, as on
   * Undo, would close it, and it may cover what is below it.
   */
  showIn(layer: Element) {
    this.#layer = layer
    this.#tell()
    return () => {
      if (this.#layer !== layer) return
      this.#layer = undefined
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
  const layer = useSyncExternalStore(toasts.subscribe, toasts.layer, toasts.layer)
  const labels = useLabels()
  const [isHeld, setHeld] = useState(false)
  const list = (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it only waits
    <div
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
  )
  return layer ? createPortal(list, layer) : list
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
