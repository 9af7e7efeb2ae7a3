/**
 * Markdown as a piece of the page. It is loaded when the first text is shown.
 *
 * HTML in the text is text. What the library makes is sanitised all the same, and the result is
 * never a string that somebody could put into `innerHTML`.
 */

import createDOMPurify from 'dompurify'
import MarkdownIt from 'markdown-it'
import { ELSEWHERE, safeUrl } from './url'

const withoutPictures = new MarkdownIt({ html: false, linkify: true })
withoutPictures.disable('image')
const withPictures = new MarkdownIt({ html: false, linkify: true })
for (const markdown of [withoutPictures, withPictures]) {
  markdown.validateLink = url => safeUrl(url) !== undefined
  // The columns of tables are aligned by styles, which a strict policy forbids.
  markdown.core.ruler.push('align', ({ tokens }) => {
    for (const token of tokens) {
      const style = token.attrGet('style')
      if (style) token.attrs = [['align', String(style).replace('text-align:', '')]]
    }
  })
}

const purifier = createDOMPurify(window)

const TAGS = [
  'a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s strong sub sup',
  'table tbody td th thead tr ul',
]
  .join(' ')
  .split(' ')
const ATTRIBUTES = ['href', 'src', 'alt', 'title', 'start', 'align']

/** The headings of a text are below those of the page. */
const HEADING_OFFSET = 2
const LOWEST_HEADING = 6

export function render(text: string, allowPictures: boolean): DocumentFragment {
  const html = (allowPictures ? withPictures : withoutPictures).render(text)
  const fragment = purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  })
  for (const link of fragment.querySelectorAll('a')) {
    const href = safeUrl(link.getAttribute('href'))
    if (!href) link.removeAttribute('href')
    else Object.assign(link, ELSEWHERE)
  }
  for (const picture of fragment.querySelectorAll('img')) {
    if (!allowPictures || !safeUrl(picture.getAttribute('src'))) picture.remove()
    else Object.assign(picture, { loading: 'lazy', referrerPolicy: 'no-referrer' })
  }
  for (const heading of fragment.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const level = Math.min(Number(heading.localName[1]) + HEADING_OFFSET, LOWEST_HEADING)
    const lower = document.createElement(`h${level}`)
    lower.append(...heading.childNodes)
    heading.replaceWith(lower)
  }
  // A wide table or listing scrolls by itself, also with the keys.
  for (const wide of fragment.querySelectorAll<HTMLElement>('pre, table')) {
    wide.tabIndex = 0
  }
  return fragment
}
