/** Where somebody is in the inbox: all that a link should bring back. */

import type { InboxItemKind, InboxView } from '@tidings/client'

export interface Place {
  view: InboxView
  kind?: InboxItemKind
  /** The key of a category of the server's catalog. */
  category?: string
  search?: string
  /** The id of who has sent it. */
  sender?: string
  /** A day as in `2026-11-01`: only what moved to the top then or later. */
  after?: string
  /** A day: only what moved to the top before it. */
  before?: string
  /** The item that is open. */
  item?: string
  /** Whether the preferences are shown. */
  preferences?: boolean
}

export const VIEWS = [
  'ACTIVE',
  'UNREAD',
  'SNOOZED',
  'ARCHIVED',
  'ALL',
] as const satisfies InboxView[]
export const KINDS = ['MESSAGE', 'ANNOUNCEMENT', 'ACTIVITY'] as const satisfies InboxItemKind[]
/** What a key of a catalog looks like. The server refuses a filter with any other text. */
const KEY = /^[a-z][a-z0-9_]{0,63}$/
const DAY = /^\d{4}(-\d\d){0,2}$/
const FROM = /(^|\s)from:(?:"([^"]*)"?|(\S*))/i

/** Reads a place from the query of an address; what is unknown there is left out. */
export function placeOf(query: URLSearchParams): Place {
  const view = VIEWS.find(one => one.toLowerCase() === query.get('view')?.toLowerCase())
  const kind = KINDS.find(one => one === query.get('kind')?.toUpperCase())
  const category = query.get('category') ?? ''
  return {
    view: view ?? 'ACTIVE',
    kind,
    category: KEY.test(category) ? category : undefined,
    search: query.get('q') || undefined,
    sender: query.get('from') || undefined,
    after: dayOf(query.get('after')),
    before: dayOf(query.get('before')),
    item: query.get('item') || undefined,
    preferences: query.has('preferences') || undefined,
  }
}

/** The first day of a year, a month or a day as it is typed, such as `2026-11`. */
function dayOf(text: string | null | undefined): string | undefined {
  if (!text || !DAY.test(text)) return undefined
  const day = `${text}-01-01`.slice(0, 10)
  return Number.isNaN(Date.parse(day)) ? undefined : day
}

/** When a day begins, in this browser's time zone. */
export function startOf(day: string | undefined): Date | undefined {
  return day === undefined ? undefined : new Date(`${day}T00:00`)
}

/** Whether only some of a list is looked for. */
export function isSearch({ search, sender, after, before }: Place): boolean {
  return (search ?? sender ?? after ?? before) !== undefined
}

/** The same list without what is looked for in it. */
export function withoutSearch({ view, kind, category, item }: Place): Place {
  return { view, kind, category, item }
}

/**
 * The list that a search names, as in `is:unread kind:message plan`, the name of a sender, as in
 * `from:ada` or `from:"ada lovelace"`, the days in `after:2026-11` and `before:2026-11-24`, and its
 * other words. The names of lists are those of the address, in every language.
 */
export function readSearch(text: string): { named: Partial<Place>; rest: string; from?: string } {
  const named: Partial<Place> = {}
  let from: string | undefined
  const words = text.replace(FROM, (_, before: string, quoted?: string, word?: string) => {
    from = (quoted ?? word ?? '').trim()
    return before
  })
  const others = words.split(/\s+/).filter(word => {
    const [, what, name] = /^(is|kind):(\w+)$/i.exec(word) ?? []
    const view = VIEWS.find(one => what?.toLowerCase() === 'is' && one === name?.toUpperCase())
    const kind = KINDS.find(one => what?.toLowerCase() === 'kind' && one === name?.toUpperCase())
    if (view) named.view = view
    if (kind) Object.assign(named, { kind, category: undefined })
    const [, end, text] = /^(after|before):(.*)$/i.exec(word) ?? []
    const day = dayOf(text)
    if (day) named[end?.toLowerCase() === 'after' ? 'after' : 'before'] = day
    return !view && !kind && !day
  })
  return { named, rest: others.join(' ').trim(), from }
}

/** The query of a place, with its question mark; empty for the beginning. */
export function queryOf(place: Place): string {
  const { view, kind, category, search, sender, after, before, item, preferences } = place
  const query = new URLSearchParams()
  if (view !== 'ACTIVE') query.set('view', view.toLowerCase())
  if (kind) query.set('kind', kind)
  if (category) query.set('category', category)
  if (search) query.set('q', search)
  if (sender) query.set('from', sender)
  if (after) query.set('after', after)
  if (before) query.set('before', before)
  if (item) query.set('item', item)
  if (preferences) query.set('preferences', '')
  const text = query.toString().replace('preferences=', 'preferences')
  return text && `?${text}`
}
