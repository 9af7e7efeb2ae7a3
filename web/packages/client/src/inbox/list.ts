// One list of the inbox: how far it is loaded, and what it shows.
//
// What is loaded of a list is its beginning, down to the last item of the last page. The inbox knows
// all items of this part, because it follows every change: so the list is whatever items it knows
// that match and stand in this part. Only for a search it has to be told which items match.

import { Cell } from '../cell.js'
import { isTemporary, waitBefore } from '../errors.js'
import { byPlace, placeOf } from '../order.js'
import type { Place } from '../order.js'
import type { InboxItem, ListFilter, ListState, ListStore, TidingsError } from '../types.js'
import { isActive } from './counts.js'
import { rootOf, senderOf } from './state.js'

/** The end of a page. */
export interface PageEnd extends Place {
  readonly cursor: string
}

/** How far a list is loaded. */
export interface Loaded {
  readonly ends: readonly PageEnd[]
  readonly isComplete: boolean
  /** Where the inbox was when the beginning was read, perhaps further than what has been told. */
  readonly upTo?: string | undefined
  /** For a search: what it has found. */
  readonly found?: readonly string[]
}

/** What a list needs of its inbox. */
export interface ListHost {
  items(): Iterable<InboxItem>
  item(id: string): InboxItem | undefined
  readonly isFresh: boolean
  /** Counts all changes of what is shown. */
  readonly version: number
  load(list: List, isMore: boolean): Promise<void>
  used(list: List): void
}

/** Before all items: the end of a page without any, which a search may have. */
export const TOP: Place = { updatedAt: '9', id: '' }
/** About as many as a screen has room for. */
const FEW = 20

const EMPTY: ListState = {
  items: [],
  hasMore: false,
  loading: undefined,
  waiting: 0,
  isFresh: false,
}

export class List implements ListStore {
  readonly filter: ListFilter
  loaded: Loaded | undefined
  #host: ListHost
  #cell = new Cell<ListState>(EMPTY)
  #loading: 'first' | 'more' | undefined
  #error: TidingsError | undefined
  /** Where the items stood when the list was held, or when they came in below. */
  #held: Map<string, Place> | undefined
  #bottom: Place | undefined
  #version = -1
  #attempts = 0
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(host: ListHost, filter: ListFilter) {
    this.#host = host
    this.filter = filter
    this.#cell.onUse = isUsed => {
      if (isUsed) host.used(this)
    }
  }

  get isUsed(): boolean {
    return this.#cell.isUsed
  }

  get error(): TidingsError | undefined {
    return this.#error
  }

  get isLoading(): boolean {
    return this.#loading !== undefined
  }

  /** Whether it shows less than fits on a screen although there is more. */
  get isShort(): boolean {
    const { items, hasMore, loading, error } = this.#cell.get()
    return hasMore && !loading && !error && items.length < FEW
  }

  get = (): ListState => {
    if (this.#version !== this.#host.version) this.show()
    return this.#cell.get()
  }

  subscribe = (listener: () => void): (() => void) => this.#cell.subscribe(listener)

  loadMore = async (): Promise<void> => {
    if (this.loaded?.isComplete || this.#loading) return
    await this.#host.load(this, this.loaded !== undefined)
  }

  retry = (): void => {
    if (!this.#loading) void this.#host.load(this, this.loaded !== undefined)
  }

  hold = (): void => {
    if (this.#held) return
    const { items } = this.get()
    this.#held = new Map(items.map(item => [item.id, placeOf(item)]))
    this.#bottom = items.length > 0 ? placeOf(items[items.length - 1]) : undefined
  }

  release = (): void => {
    this.#held = undefined
    this.show()
  }

  /** Whether an item belongs to this list, as far as can be told without its text. */
  matches(item: InboxItem): boolean {
    const { view, kinds, categories, thread, sender, updatedFrom, updatedBefore } = this.filter
    const isSince = (moment: string) => Date.parse(item.updatedAt) >= Date.parse(moment)
    return (
      isIn(view, item) &&
      (!kinds || kinds.includes(item.kind)) &&
      (!categories || (item.category !== null && categories.includes(item.category))) &&
      (!thread || rootOf(item) === thread) &&
      (!sender || senderOf(item) === sender) &&
      (!updatedFrom || isSince(updatedFrom)) &&
      (!updatedBefore || !isSince(updatedBefore))
    )
  }

  began(loading: 'first' | 'more'): void {
    this.#loading = loading
    this.#error = undefined
    this.show()
  }

  ended(error?: TidingsError): void {
    this.#loading = undefined
    this.#error = error
    this.#attempts = error ? this.#attempts + 1 : 0
    clearTimeout(this.#again)
    if (isTemporary(error))
      this.#again = setTimeout(this.#tryAgain, waitBefore(this.#attempts, error))
    this.show()
  }

  close(): void {
    clearTimeout(this.#again)
  }

  #tryAgain = (): void => {
    if (this.isUsed && this.#error) this.retry()
  }

  /** Shows what is known now. */
  show(): void {
    this.#version = this.#host.version
    const all = this.#all()
    const { shown, waiting } = this.#held
      ? this.#still(all, this.#held)
      : { shown: all, waiting: 0 }
    const before = this.#cell.get()
    const isSame =
      shown.length === before.items.length && shown.every((item, n) => item === before.items[n])
    const state: ListState = {
      items: isSame ? before.items : shown,
      hasMore: this.loaded !== undefined && !this.loaded.isComplete,
      loading: this.#loading,
      error: this.#error,
      waiting,
      isFresh: this.#host.isFresh && this.loaded !== undefined,
    }
    const keys = Object.keys(state) as (keyof ListState)[]
    if (keys.some(key => state[key] !== before[key])) this.#cell.set(state)
  }

  #all(): InboxItem[] {
    const { loaded } = this
    if (!loaded) return []
    const last = loaded.ends.at(-1)
    const isLoaded = (item: InboxItem) =>
      loaded.isComplete || (last !== undefined && byPlace(item, last) <= 0)
    const items: InboxItem[] = []
    if (loaded.found) {
      for (const id of loaded.found) {
        const item = this.#host.item(id)
        if (item && this.matches(item)) items.push(item)
      }
    } else {
      for (const item of this.#host.items()) {
        if (this.matches(item) && isLoaded(item)) items.push(item)
      }
    }
    return items.sort(byPlace)
  }

  /** The items at the places that they had; what would come in above waits. */
  #still(all: InboxItem[], held: Map<string, Place>): { shown: InboxItem[]; waiting: number } {
    let waiting = 0
    const shown = all.filter(item => {
      const place = held.get(item.id)
      if (place) {
        if (place.updatedAt !== item.updatedAt) waiting += 1
        return true
      }
      if (this.#bottom && byPlace(item, this.#bottom) <= 0) {
        waiting += 1
        return false
      }
      held.set(item.id, placeOf(item))
      return true
    })
    const heldPlace = (item: InboxItem) => held.get(item.id) ?? item
    return { shown: shown.sort((one, other) => byPlace(heldPlace(one), heldPlace(other))), waiting }
  }
}

function isIn(view: ListFilter['view'], item: InboxItem): boolean {
  switch (view) {
    case 'UNREAD':
      return isActive(item) && !item.readAt
    case 'SNOOZED':
      return item.snoozedUntil !== null && item.archivedAt === null
    case 'ARCHIVED':
      return item.archivedAt !== null
    case 'ALL':
      return true
    default:
      return isActive(item)
  }
}

/** A filter in one form, so that the same lists are the same. */
export function normalized(filter: ListFilter = {}): ListFilter {
  const { view = 'ACTIVE', kinds, categories, search, thread, sender } = filter
  const sorted = (names?: readonly string[]) => (names?.length ? [...names].sort() : undefined)
  const { updatedFrom, updatedBefore } = filter
  const all = {
    view,
    kinds: sorted(kinds),
    categories: sorted(categories),
    search: search?.trim(),
    thread,
    sender,
    updatedFrom,
    updatedBefore,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value)) as ListFilter
}

/** A filter as the server takes it. */
export function filterOf({ sender, ...others }: ListFilter) {
  return { ...others, ...(sender && { sender: { id: sender } }) }
}
