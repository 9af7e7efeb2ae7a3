/** How many new items there are, where people see it without the page: its title, its icon, its app. */

import { useEffect } from 'react'
import { useCounts } from './hooks'

const icon = (hasNews: boolean) =>
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
      '<rect x="1" y="1" width="30" height="30" rx="8" fill="#0e6a64"/>' +
      '<path d="M7 18 10 9.6c.3-.7.9-1.1 1.6-1.1h8.8c.7 0 1.3.4 1.6 1.1L25 18v4.4c0 .9-.7 1.6-1.6' +
      ' 1.6H8.6c-.9 0-1.6-.7-1.6-1.6V18Zm0 0h5l1.7 2.8h4.6L20 18h5" fill="none" stroke="#fff"' +
      ' stroke-width="2.2" stroke-linejoin="round"/>' +
      (hasNews
        ? '<circle cx="25" cy="7" r="7" fill="#fff"/><circle cx="25" cy="7" r="5" fill="#d8432f"/>'
        : '') +
      '</svg>',
  )

/** Keeps `(3)` in the page's title, a dot on its icon, and a badge on the installed app. */
export function usePageBadge(title: string) {
  const unseen = useCounts()?.unseen ?? 0
  useEffect(() => {
    document.title = unseen > 0 ? `(${unseen > 99 ? '99+' : unseen}) ${title}` : title
  }, [unseen, title])
  const hasNews = unseen > 0
  useEffect(() => {
    const link =
      document.querySelector<HTMLLinkElement>('link[rel=icon]') ?? document.createElement('link')
    link.rel = 'icon'
    link.href = icon(hasNews)
    if (!link.isConnected) document.head.append(link)
  }, [hasNews])
  useEffect(() => {
    // Only installed apps have a badge, and only some browsers.
    const done = unseen > 0 ? navigator.setAppBadge?.(unseen) : navigator.clearAppBadge?.()
    done?.catch(() => undefined)
  }, [unseen])
}
