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
    item: query.get('item') || undefined,
    preferences: query.has('preferences') || undefined,
  }
}

/**
 * The list that a search names, as in `is:unread kind:message plan`, the name of a sender, as in
 * `from:ada` or `from:"ada lovelace"`, and its other words. The names of lists are those of the
 * address, in every language.
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
    return !view && !kind
  })
  return { named, rest: others.join(' ').trim(), from }
}

/** The query of a place, with its question mark; empty for the beginning. */
export function queryOf(place: Place): string {
  const { view, kind, category, search, sender, item, preferences } = place
  const query = new URLSearchParams()
  if (view !== 'ACTIVE') query.set('view', view.toLowerCase())
  if (kind) query.set('kind', kind)
  if (category) query.set('category', category)
  if (search) query.set('q', search)
  if (sender) query.set('from', sender)
  if (item) query.set('item', item)
  if (preferences) query.set('preferences', '')
  const text = query.toString().replace('preferences=', 'preferences')
  return text && `?${text}`
}
