import { type KeyboardEvent, type ReactNode, type RefObject, useEffect, useState } from 'react'
import { IconButton } from '../base/Button'
import { LinkIcon } from '../base/Icon'
import { icon } from '../base/draw'
import { useLabels } from '../labels/context'
import { type Format, apply, format, quote } from './format'

export interface FormatBarProps {
  field: RefObject<HTMLTextAreaElement | null>
  /** What somebody has written, to be quoted. */
  said?: string
}

const BoldIcon = icon(
  <path d="M6.2 4.2h4.6a2.8 2.8 0 0 1 0 5.6H6.2Zm0 5.6h5.4a3 3 0 0 1 0 6H6.2Z" strokeWidth="2" />,
)
const ItalicIcon = icon(<path d="M8.5 4.2H14M6 15.8h5.5M11.6 4.2l-3.2 11.6" />)
const CodeIcon = icon(<path d="m7.2 5.8-4.2 4.2 4.2 4.2m5.6-8.4 4.2 4.2-4.2 4.2" />)
const ListIcon = icon(
  <>
    <path d="M8 5.5h9M8 10h9M8 14.5h9" />
    <path d="M3.8 5.5h.1M3.8 10h.1M3.8 14.5h.1" strokeWidth="2.4" />
  </>,
  true,
)
const QuoteIcon = icon(<path d="M4 4.5v11M8 5.5h9M8 10h9M8 14.5h5.5" />, true)
const SaidIcon = icon(
  <>
    <path d="M8.5 6.2C6 7 4.4 8.9 4.4 11.4v2.4h4V10H6.3M16.2 6.2c-2.5.8-4.1 2.7-4.1 5.2v2.4h4V10H14" />
  </>,
)

const BUTTONS: readonly [Format, ReactNode, string?][] = [
  ['bold', <BoldIcon key="" />, 'B'],
  ['italic', <ItalicIcon key="" />, 'I'],
  ['link', <LinkIcon key="" />, 'K'],
  ['list', <ListIcon key="" />],
  ['quote', <QuoteIcon key="" />],
  ['code', <CodeIcon key="" />],
]

const isApple = () => navigator.platform.startsWith('Mac') || /iP(hone|ad)/.test(navigator.platform)

/** Buttons for those who do not know Markdown, and the keys that they know from elsewhere. */
export function FormatBar({ field, said }: FormatBarProps) {
  const labels = useLabels()
  const [active, setActive] = useState(0)
  const [modifier] = useState(() => (isApple() ? '⌘' : 'Ctrl '))
  useEffect(() => {
    const area = field.current
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
      const [kind] = BUTTONS.find(([, , key]) => key === event.key.toUpperCase()) ?? []
      if (!kind || !area) return
      // In some browsers they open something else.
      event.preventDefault()
      apply(area, format(kind, area.value, area.selectionStart, area.selectionEnd))
    }
    area?.addEventListener('keydown', onKey)
    return () => area?.removeEventListener('keydown', onKey)
  }, [field])
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const backwards = getComputedStyle(event.currentTarget).direction === 'rtl'
    const step = { ArrowRight: backwards ? -1 : 1, ArrowLeft: backwards ? 1 : -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const all = event.currentTarget.querySelectorAll('button')
    const next = (active + step + all.length) % all.length
    setActive(next)
    all[next]?.focus()
  }
  const button = (index: number) => ({
    tabIndex: index === active ? 0 : -1,
    onFocus: () => setActive(index),
    // The field keeps the focus, and on a phone the keyboard stays.
    onPointerDown: (event: { preventDefault: () => void }) => event.preventDefault(),
  })
  return (
    <div
      className="tidings-format"
      role="toolbar"
      aria-label={labels.formatting}
      onKeyDown={onKeyDown}
    >
      {BUTTONS.map(([kind, picture, key], index) => (
        <IconButton
          key={kind}
          size="small"
          label={labels.formats[kind]}
          shortcut={key && modifier + key}
          icon={picture}
          {...button(index)}
          onClick={() => {
            const area = field.current
            if (area) apply(area, format(kind, area.value, area.selectionStart, area.selectionEnd))
          }}
        />
      ))}
      {said ? (
        <IconButton
          size="small"
          label={labels.quoteMessage}
          icon={<SaidIcon />}
          {...button(BUTTONS.length)}
          onClick={() => {
            if (field.current) apply(field.current, quote(field.current.value, said))
          }}
        />
      ) : null}
    </div>
  )
}
