/**
 * Shows where the words of a search are, as the server finds them (`src/search/terms.rs`): each is
 * the beginning of a word, case makes no difference, nor how a letter is written.
 *
 * The browser paints ranges of the texts that are there (the CSS Custom Highlight API). So nothing
 * is put into the page, and the components know nothing of it.
 */

/** What has texts that a search looks at. */
const TEXTS = '.tidings-row-title, .tidings-row-preview, .tidings-pane-head > h2, .tidings-markdown'
export const FOUND = 'tidings-found'

/** Scripts without spaces between words: each letter begins one. */
const ALONE =
  /[\u0e01-\u0e7f\u0e81-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{323af}]/u
const LETTER = /[\p{Alphabetic}\p{N}]/u
const AROUND = /^[^\p{Alphabetic}\p{N}]+|[^\p{Alphabetic}\p{N}]+$/gu
const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** One letter, or what the reader takes for one. */
function fold(letter: string): string {
  return letter.normalize('NFKD').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')
}

/** A folded text, and where each of its characters comes from. */
function folded(text: string) {
  let result = ''
  const from: number[] = []
  for (const { segment, index } of letters.segment(text)) {
    const part = fold(segment)
    result += part
    for (let n = 0; n < part.length; n++) from.push(index)
  }
  from.push(text.length)
  return { text: result, from }
}

/** The words of a search. */
function wordsOf(search: string): string[] {
  const parts = folded(search).text.split(/\s+/)
  return parts.map(part => part.replace(AROUND, '')).filter(Boolean)
}

function beginsWord(text: string, at: number): boolean {
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1)
  const first = String.fromCodePoint(text.codePointAt(at) ?? 0)
  return !before || !LETTER.test(before) || ALONE.test(before) || ALONE.test(first)
}

/** Where the words of a search are in a text, as pairs of offsets. */
export function placesIn(text: string, search: string): [number, number][] {
  const { text: where, from } = folded(text)
  const places: [number, number][] = []
  for (const word of wordsOf(search)) {
    for (let at = where.indexOf(word); at >= 0; at = where.indexOf(word, at + 1)) {
      if (!beginsWord(where, at)) continue
      // All of the last letter, which may have become several characters.
      const last = from[at + word.length - 1] ?? 0
      const end = from.find(place => place > last) ?? text.length
      places.push([from[at] ?? 0, end])
    }
  }
  return places
}

/** Shows it in all texts below an element, also in those that come; the result ends that. */
export function showFound(root: HTMLElement, search: string): () => void {
  const all = CSS.highlights.get(FOUND) ?? new Highlight()
  CSS.highlights.set(FOUND, all)
  let ranges: Range[] = []
  let frame: number | undefined
  const clear = () => {
    for (const range of ranges) all.delete(range)
    ranges = []
  }
  const show = () => {
    frame = undefined
    clear()
    for (const place of root.querySelectorAll(TEXTS)) {
      const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
      while (texts.nextNode()) {
        const node = texts.currentNode as Text
        for (const [start, end] of placesIn(node.data, search)) {
          const range = new Range()
          range.setStart(node, start)
          range.setEnd(node, end)
          ranges.push(range)
          all.add(range)
        }
      }
    }
  }
  const observer = new MutationObserver(() => (frame ??= requestAnimationFrame(show)))
  observer.observe(root, { subtree: true, childList: true, characterData: true })
  show()
  return () => {
    observer.disconnect()
    if (frame !== undefined) cancelAnimationFrame(frame)
    clear()
  }
}
