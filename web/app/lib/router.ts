// Where the app is: one of three pages, and the query, which holds everything else that a link
// should bring back. All addresses are relative, because a proxy may put the server below a path.

import { useMemo, useSyncExternalStore } from 'react'

export type Page = 'inbox' | 'sent' | 'admin'
const PAGES: readonly string[] = ['inbox', 'sent', 'admin'] satisfies Page[]

export interface Route {
  page: Page
  query: URLSearchParams
}

/** What a query changes: a value sets the parameter, null removes it. */
export type QueryChange = Record<string, string | null | undefined>

const listeners = new Set<() => void>()

function subscribe(listener: () => void) {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}

/** Reads an address; anything unknown is the inbox. */
export function routeOf(address: string): Route {
  const url = new URL(address)
  const last = url.pathname.split('/').pop() ?? ''
  return { page: PAGES.includes(last) ? (last as Page) : 'inbox', query: url.searchParams }
}

export function currentRoute(): Route {
  return routeOf(window.location.href)
}

/** The relative address of a page. */
export function href(page: Page, query: QueryChange = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, value)
  }
  const text = search.toString()
  return `./${page}${text && `?${text}`}`
}

/** Goes to an address that `href` made. */
export function navigate(address: string, { replace = false } = {}) {
  const to = new URL(address, window.location.href)
  if (to.href === window.location.href) return
  if (replace) window.history.replaceState(null, '', to)
  else window.history.pushState(null, '', to)
  for (const listener of [...listeners]) listener()
}

/** Changes parameters of the present page's query, and leaves the others. */
export function changeQuery(change: QueryChange, options?: { replace?: boolean }) {
  const { page, query } = currentRoute()
  navigate(href(page, { ...Object.fromEntries(query), ...change }), options)
}

export function useRoute(): Route {
  const address = useSyncExternalStore(subscribe, () => window.location.href)
  return useMemo(() => routeOf(address), [address])
}
