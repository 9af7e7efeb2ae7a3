import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { navigate } from './router'

/** A link within the app: the browser's own in every respect, but without loading the page anew. */
export function Link(props: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    props.onClick?.(event)
    const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
    if (event.defaultPrevented || event.button !== 0 || elsewhere) return
    event.preventDefault()
    navigate(props.href)
  }
  // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions, jsx-a11y/anchor-has-content -- it is a link: its address and content are in the props
  return <a {...props} onClick={follow} />
}
