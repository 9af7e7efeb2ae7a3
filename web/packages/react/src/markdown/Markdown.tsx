import { useEffect, useRef, useState } from 'react'

type Render = typeof import('./render').render

let render: Render | undefined
const loaded = () => import('./render').then(module => (render = module.render))

/** Loads what shows texts, before one is opened. */
export function prepareMarkdown() {
  if (!render) loaded().catch(() => undefined)
}

export interface MarkdownProps {
  text: string
  /** Whether pictures from elsewhere are loaded: they tell their servers who reads. */
  allowPictures?: boolean
  /** Only its words, as in a list. */
  isPlain?: boolean
}

/** A text that somebody has written. */
export function Markdown({ text, allowPictures = false, isPlain = false }: MarkdownProps) {
  const place = useRef<HTMLDivElement>(null)
  const [isReady, setReady] = useState(render !== undefined)
  useEffect(() => {
    if (!isReady)
      loaded().then(
        () => setReady(true),
        () => undefined,
      )
  }, [isReady])
  useEffect(() => {
    if (!render) return
    const rendered = render(text, allowPictures)
    place.current?.replaceChildren(isPlain ? (rendered.textContent ?? '') : rendered)
  }, [text, allowPictures, isPlain, isReady])
  return <div ref={place} className="tidings-markdown" part="markdown" dir="auto" />
}
