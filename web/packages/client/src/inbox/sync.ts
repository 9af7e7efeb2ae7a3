// Keeps the state of an inbox what it is on the server: loads it, follows it from the cursor of the
// answer, and loads it again if it cannot be continued.

import { isNotAdmitted, isTemporary, isTidingsError, waitBefore } from '../errors.js'
import * as documents from '../generated/documents.js'
import type { InboxItem, InboxOwner, Sink, TidingsError, TypedDocument } from '../types.js'
import { TOP, filterOf } from './list.js'
import type { List, PageEnd } from './list.js'
import { MOST_NODES } from './queue.js'
import { Touched } from './state.js'
import type { Change, State } from './state.js'

/** How many items the first page and the next ones have. */
const FIRST_PAGE = 40
const NEXT_PAGE = 60
const LARGEST_PAGE = 100
/** The most items of a list that are loaded again at once. */
const MOST_AGAIN = 300
/** How often changes are asked for without a socket. */
const POLL_EVERY = 30_000

type Update = documents.UpdateFieldsFragment

export interface SyncHost {
  readonly state: State
  request<R, V>(document: TypedDocument<R, V>, variables: V): Promise<R>
  subscribe<R, V>(document: TypedDocument<R, V>, variables: V, sink: Sink<R>): () => void
  lists(): Iterable<List>
  /** The items that somebody looks at, or that have been marked, beside those of lists. */
  wanted(): Iterable<string>
  /** The server's state has been loaded for the first time, or again. */
  loaded(owner: InboxOwner, reason?: string): void
  /** An update of the subscription, or an answer to a poll. */
  applied(changes: readonly Change[], isCaughtUp: boolean, isLive: boolean): void
  /** Changes are asked for in turn, because there is no socket; or this ended. */
  polling(isPolling: boolean): void
}

export class Sync {
  #host: SyncHost
  #stop: (() => void) | undefined
  #isClosed = false
  /** Counts how often everything was loaded: answers to older questions are of no use. */
  #generation = 0
  #isLoading = false
  #polling: ReturnType<typeof setTimeout> | undefined
  #wakeUp: (() => void) | undefined
  /** The server did not give its state; when a list is asked for, so is that, for the same reason. */
  #refused: { reason: string | undefined } | undefined
  #begin: (refusal?: TidingsError) => void = () => undefined
  /** When there is a state to which pages can be added, or a reason why there is none. */
  #begun = this.#beginning()

  constructor(host: SyncHost) {
    this.#host = host
  }

  /** Starts from what was kept, or else with a first answer. */
  async start(): Promise<void> {
    if (this.#host.state.cursor === undefined) return this.#loadAll()
    this.#begin()
    this.#follow()
    await this.askOwner()
  }

  /** What changes seldom is not followed. */
  askOwner(): Promise<void> {
    return this.#patiently(async () => {
      const { viewer, viewerRole } = await this.#host.request(documents.InboxHeadDocument, {})
      if (viewer) this.#host.loaded({ ...ownerOf(viewer), role: viewerRole ?? 'USER' })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#stop?.()
    this.stopPolling()
    this.#wakeUp?.()
  }

  /** The network is back: what waits for another attempt need not wait. */
  hurry(): void {
    this.#wakeUp?.()
  }

  /** Loads the beginning of a list, or its next page. */
  async load(list: List, isMore: boolean): Promise<void> {
    list.began(isMore ? 'more' : 'first')
    if (this.#refused) void this.#loadAll(this.#refused.reason)
    const refusal = await this.#begun
    if (refusal) return list.ended(refusal)
    if (!isMore && list.loaded) return list.ended()
    const { state, request } = this.#host
    const touched = state.watch()
    try {
      const after = isMore ? list.loaded?.ends.at(-1)?.cursor : undefined
      const variables = {
        first: isMore ? NEXT_PAGE : FIRST_PAGE,
        after,
        filter: filterOf(list.filter),
      }
      const { viewer } = await request(documents.InboxPageDocument, variables)
      if (touched.isOver) return this.load(list, false)
      state.merge(itemsOf(viewer?.inbox), touched)
      addPage(list, viewer?.inbox, isMore)
      list.ended()
    } catch (error) {
      if (!isTidingsError(error)) throw error
      list.ended(error)
    } finally {
      state.unwatch(touched)
    }
  }

  /** Asks again what a search finds, as much as is shown of it; meanwhile the old list stays. */
  async search(list: List): Promise<void> {
    const { state } = this.#host
    const touched = state.watch()
    const pages = await this.#patiently(() => this.#again(list, undefined))
    state.unwatch(touched)
    if (!pages || touched.isOver) return
    for (const page of pages) state.merge(itemsOf(page), touched)
    pages.forEach((page, n) => addPage(list, page, n > 0))
  }

  /** Asks for items by their ids; gives those that are not there. */
  async fetch(ids: readonly string[]): Promise<string[]> {
    // A caller that waits for an item waits for the next attempt, too.
    while (await this.#begun);
    const { state } = this.#host
    const touched = state.watch()
    try {
      const found = await this.#patiently(() => this.#items(ids))
      if (touched.isOver) return this.fetch(ids)
      state.merge(found ?? [], touched)
      const there = new Set(found?.map(({ id }) => id))
      return found ? ids.filter(id => !there.has(id) && !state.items.has(id)) : []
    } finally {
      state.unwatch(touched)
    }
  }

  /** Asks for what has changed now and again, until there is a socket. */
  poll = async (): Promise<void> => {
    clearTimeout(this.#polling)
    if (this.#isClosed) return
    // Before the request: there may be a socket when it ends.
    const timer = (this.#polling = setTimeout(this.poll, POLL_EVERY))
    if (this.#isLoading || this.#host.state.cursor === undefined) return
    const generation = this.#generation
    try {
      for (let isCaughtUp = false; !isCaughtUp;) {
        const after = this.#host.state.cursor
        const { viewer } = await this.#host.request(documents.InboxChangesDocument, { after })
        const update = viewer?.inbox?.changes
        const isCurrent = generation === this.#generation && after === this.#host.state.cursor
        if (!update || !isCurrent || this.#polling !== timer) return
        this.#host.polling(true)
        this.#take(update, false)
        isCaughtUp = update.caughtUp || update.resync !== null
      }
      if (!this.#stop) this.#follow()
    } catch {
      this.#host.polling(false)
    }
  }

  get isPolling(): boolean {
    return this.#polling !== undefined
  }

  stopPolling(): void {
    if (this.#polling === undefined) return
    clearTimeout(this.#polling)
    this.#polling = undefined
    this.#host.polling(false)
  }

  #follow(): void {
    this.#stop?.()
    const after = this.#host.state.cursor
    this.#stop = this.#host.subscribe(
      documents.InboxUpdatesDocument,
      { after },
      {
        next: ({ inboxUpdated }) => this.#take(inboxUpdated, true),
        error: () => {
          // This socket has too many operations, or the server will not have it for another reason.
          this.#stop = undefined
          // The next poll tries it again.
          if (!this.isPolling) void this.poll()
        },
      },
    )
  }

  #take(update: Update, isLive: boolean): void {
    if (this.#isLoading || this.#isClosed) return
    if (update.resync) return void this.#loadAll(update.resync)
    const { state, applied } = this.#host
    const changes = update.changes as readonly Change[]
    state.apply(changes)
    state.cursor = update.cursor
    state.counts = update.counts
    applied.call(this.#host, changes, update.caughtUp, isLive)
  }

  /** Loads what is shown, and follows it from there. Until it is there, the old one stays. */
  async #loadAll(reason?: string): Promise<void> {
    this.#isLoading = true
    this.#refused = undefined
    this.#stop?.()
    this.#stop = undefined
    const generation = (this.#generation += 1)
    const attempt = async () => {
      const lists = [...this.#host.lists()].filter(list => list.isUsed)
      const [first, ...others] = lists
      const head = await this.#head(first)
      if (!head || generation !== this.#generation) return
      const { viewer, inbox } = head
      const items = new Map<string, InboxItem>()
      const pages: [List, Page[]][] = []
      for (const list of first ? [first, ...others] : []) {
        const ofList = await this.#again(list, list === first ? inbox : undefined)
        for (const page of ofList) for (const item of itemsOf(page)) items.set(item.id, item)
        pages.push([list, ofList])
      }
      const wanted = [...this.#host.wanted()].filter(id => !items.has(id))
      for (const item of await this.#items(wanted)) items.set(item.id, item)
      if (this.#isClosed) return

      const { state } = this.#host
      state.clear()
      state.merge([...items.values()], new Touched())
      state.cursor = inbox.cursor
      state.counts = inbox.counts
      for (const list of this.#host.lists()) list.loaded = undefined
      for (const [list, ofList] of pages) {
        ofList.forEach((page, n) => addPage(list, page, n > 0))
        if (list.error) list.ended()
      }
      this.#isLoading = false
      this.#refused = undefined
      this.#begin()
      this.#host.loaded({ ...ownerOf(viewer), role: head.role }, reason)
      this.#follow()
    }
    await this.#patiently(attempt, refusal => {
      if (generation !== this.#generation) return
      this.#isLoading = false
      this.#refused = { reason }
      this.#begin(refusal)
      this.#begun = this.#beginning()
      for (const list of this.#host.lists()) if (list.isUsed) list.ended(refusal)
    })
  }

  #beginning(): Promise<TidingsError | undefined> {
    return new Promise(resolve => (this.#begin = resolve))
  }

  async #head(list: List | undefined) {
    const { request } = this.#host
    const answer: documents.InboxStartQuery | documents.InboxHeadQuery = list
      ? await request(documents.InboxStartDocument, {
          first: FIRST_PAGE,
          filter: filterOf(list.filter),
        })
      : await request(documents.InboxHeadDocument, {})
    const { viewer, viewerRole } = answer
    if (!viewer?.inbox) return undefined
    return { viewer, inbox: viewer.inbox, role: viewerRole ?? 'USER' }
  }

  /** As much of a list as there was, in pages. */
  async #again(list: List, first: Page): Promise<Page[]> {
    const wanted = Math.min(list.get().items.length, MOST_AGAIN)
    const pages = [first ?? (await this.#page(list, FIRST_PAGE))]
    let count = itemsOf(pages[0]).length
    for (;;) {
      const { hasNextPage, endCursor } = pages.at(-1)?.items?.pageInfo ?? {}
      if (count >= wanted || !hasNextPage) return pages
      const page = await this.#page(list, Math.min(wanted - count, LARGEST_PAGE), endCursor)
      pages.push(page)
      count += itemsOf(page).length
    }
  }

  async #page(list: List, first: number, after?: string | null): Promise<Page> {
    const variables = { first, after, filter: filterOf(list.filter) }
    const { viewer } = await this.#host.request(documents.InboxPageDocument, variables)
    return viewer?.inbox
  }

  async #items(ids: readonly string[]): Promise<InboxItem[]> {
    const items: InboxItem[] = []
    for (let n = 0; n < ids.length; n += MOST_NODES) {
      const part = ids.slice(n, n + MOST_NODES)
      const { nodes } = await this.#host.request(documents.InboxItemsDocument, { ids: part })
      for (const node of nodes ?? []) if (node && 'id' in node) items.push(node as InboxItem)
    }
    return items
  }

  /** Tries it until it succeeds or cannot; `refused` is told at once why it may never. */
  async #patiently<T>(
    attempt: () => Promise<T>,
    refused?: (error: TidingsError) => void,
  ): Promise<T | undefined> {
    for (let attempts = 1; !this.#isClosed; attempts += 1) {
      try {
        return await attempt()
      } catch (error) {
        if (!isTidingsError(error)) throw error
        const wait = waitBefore(isTemporary(error) ? attempts : Math.max(attempts, 5), error)
        const isFinal = !isTemporary(error) && !isNotAdmitted(error)
        if (isFinal) refused?.(error)
        if (isFinal && attempts > 5) return undefined
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, wait)
          this.#wakeUp = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    }
    return undefined
  }
}

/** A page of a list, and where the inbox was when it was read. */
type Page = { cursor: string; items?: documents.PageFieldsFragment | null } | null | undefined

function itemsOf(page: Page): readonly InboxItem[] {
  return (page?.items?.nodes ?? []) as readonly InboxItem[]
}

/** Adds a page to what is loaded of a list. */
function addPage(list: List, page: Page, isMore: boolean): void {
  const items = itemsOf(page)
  const before = isMore ? list.loaded : undefined
  // A page of a search may be empty, and there is more all the same.
  const { updatedAt, id } = items.at(-1) ?? before?.ends.at(-1) ?? TOP
  const cursor = page?.items?.pageInfo.endCursor
  const end: PageEnd[] = cursor ? [{ updatedAt, id, cursor }] : []
  const found = list.filter.search
    ? [...(before?.found ?? []), ...items.map(({ id }) => id)]
    : undefined
  list.loaded = {
    ends: [...(before?.ends ?? []), ...end],
    isComplete: !page?.items?.pageInfo.hasNextPage,
    upTo: before ? before.upTo : page?.cursor,
    ...(found && { found: [...new Set(found)] }),
  }
}

function ownerOf({ id, externalId, name, avatarUrl, locale, timeZone }: Omit<InboxOwner, 'role'>) {
  return { id, externalId, name, avatarUrl, locale, timeZone }
}
