/**
 * Gives the components below it the client, the words, and one place for toasts and for what
 * screen readers are told.
 */

import {
  type ReactNode,
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import type { InboxItem, Tidings } from '@tidings/client'
import { ToastList, Toasts } from './base/Toast'
import { Tooltips } from './base/Tooltip'
import { type Labels, labelsFor } from './labels'
import { LabelsProvider } from './labels/context'
import { useArrivals } from './arrivals'

export interface TidingsProviderProps {
  /** What `connect` of `@tidings/client` gave. */
  client: Tidings
  /** The words; those of the browser's language if omitted. */
  labels?: Labels
  /** Opens an item that a toast is about, or that was chosen in the popover. */
  onOpenItem?: (item: InboxItem) => void
  /** Whether keys without Ctrl or Alt do something. */
  singleKeys?: boolean
  onSingleKeysChange?: (singleKeys: boolean) => void
  /** Toasts that are shown elsewhere on the page; by default they are shown here. */
  toasts?: Toasts
  /**
   * Whether pictures in announcements are loaded. They tell the servers that have them who reads,
   * and are never loaded in messages, which anybody may write.
   */
  announcementPictures?: boolean
  children: ReactNode
}

export type Sight = (item: InboxItem) => boolean

export interface TidingsContextValue {
  client: Tidings
  toasts: Toasts
  /** Tells screen readers, once they have finished their sentence. */
  announce: (text: string) => void
  onOpenItem?: (item: InboxItem) => void
  singleKeys: boolean
  setSingleKeys: (singleKeys: boolean) => void
  announcementPictures: boolean
  /** Whether an item that arrives is in plain sight, so that it needs no toast. */
  isInSight: Sight
  /** Says how to tell, until the result is called; toasts about what is in sight now go. */
  watch: (sight: Sight) => () => void
}

const TidingsContext = createContext<TidingsContextValue | undefined>(undefined)

const KEYS = 'tidings:single-keys'

export function TidingsProvider({
  client,
  labels,
  onOpenItem,
  singleKeys,
  onSingleKeysChange,
  toasts,
  announcementPictures = false,
  children,
}: TidingsProviderProps) {
  const words = useMemo(() => labels ?? labelsFor(navigator.languages), [labels])
  const ownToasts = useMemo(() => new Toasts(), [])
  const layer = useRef<HTMLDivElement>(null)
  const shownToasts = toasts ?? ownToasts
  const { isInSight, watch } = useMemo(() => sights(shownToasts), [shownToasts])
  const [told, announce] = useTold()
  const [kept, setKept] = useState(readKeys)
  const setSingleKeys = useCallback(
    (on: boolean) => {
      keepKeys(on)
      setKept(on)
      onSingleKeysChange?.(on)
    },
    [onSingleKeysChange],
  )
  const value = useMemo(
    () => ({
      client,
      toasts: shownToasts,
      announce,
      onOpenItem,
      singleKeys: singleKeys ?? kept,
      setSingleKeys,
      announcementPictures,
      isInSight,
      watch,
    }),
    [
      client,
      shownToasts,
      announce,
      onOpenItem,
      singleKeys,
      kept,
      setSingleKeys,
      announcementPictures,
      isInSight,
      watch,
    ],
  )
  return (
    <TidingsContext value={value}>
      <LabelsProvider value={words}>
        <div ref={layer} className="tidings-provider">
          <Arrivals />
          {children}
          <Tooltips within={layer} />
          <div className="tidings" lang={words.locale}>
            {toasts ? null : <ToastList toasts={ownToasts} />}
            <div className="tidings-hidden" role="status">
              {told}
            </div>
          </div>
        </div>
      </LabelsProvider>
    </TidingsContext>
  )
}

/** Several lists may be shown at a time. */
function sights(toasts: Toasts) {
  const all = new Set<Sight>()
  return {
    isInSight: (item: InboxItem) => [...all].some(sight => sight(item)),
    watch(sight: Sight) {
      all.add(sight)
      toasts.hideWhatIsSeen(sight)
      return () => void all.delete(sight)
    },
  }
}

function Arrivals() {
  useArrivals()
  return null
}

export function useTidingsContext(): TidingsContextValue {
  const value = use(TidingsContext)
  if (!value)
    throw new Error('This component of @tidings/react needs a <TidingsProvider> around it')
  return value
}

/** Screen readers are told at most this often. */
const TELL_MS = 5000

function useTold() {
  const [told, setTold] = useState('')
  const next = useRef<{ text?: string; timer?: ReturnType<typeof setTimeout>; last: number }>({
    last: 0,
  })
  useEffect(() => {
    const state = next.current
    return () => clearTimeout(state.timer)
  }, [])
  const announce = useCallback((text: string) => {
    const state = next.current
    state.text = text
    state.timer ??= setTimeout(
      () => {
        state.timer = undefined
        state.last = Date.now()
        // The same words twice in a row are news only if they differ.
        setTold(before => (before === state.text ? `${state.text}\u00a0` : (state.text ?? '')))
      },
      Math.max(0, state.last + TELL_MS - Date.now()),
    )
  }, [])
  return [told, announce] as const
}

function readKeys() {
  try {
    return localStorage.getItem(KEYS) !== 'off'
  } catch {
    return true
  }
}

function keepKeys(on: boolean) {
  try {
    if (on) localStorage.removeItem(KEYS)
    else localStorage.setItem(KEYS, 'off')
  } catch {
    // Without a storage it is for this page only.
  }
}
