/** What the buttons for bold, links and the like do to a text that is Markdown. */

export type Format = 'bold' | 'italic' | 'code' | 'link' | 'list' | 'quote'

/** A part of a text that becomes another, and what is selected then. */
export interface Edit {
  from: number
  to: number
  text: string
  selectFrom: number
  selectTo: number
}

const AROUND = { bold: '**', italic: '_', code: '`' }
const BEFORE = { list: '- ', quote: '> ' }
const URL_OR_MAIL = /^(https?:\/\/|mailto:)\S+$/i

/** Formats what is selected, or takes the format away again. */
export function format(kind: Format, value: string, start: number, end: number): Edit {
  if (kind === 'link') return link(value, start, end)
  if (kind === 'list' || kind === 'quote') return lines(BEFORE[kind], value, start, end)
  const selected = value.slice(start, end)
  if (kind === 'code' && selected.includes('\n')) return fence(value, start, end)
  return around(AROUND[kind], value, start, end)
}

function around(sign: string, value: string, start: number, end: number): Edit {
  const { length } = sign
  const selected = value.slice(start, end)
  if (value.slice(start - length, start) === sign && value.slice(end, end + length) === sign) {
    const from = start - length
    return { from, to: end + length, text: selected, selectFrom: from, selectTo: end - length }
  }
  // Not the spaces at the ends: beside them it would be no format.
  const from = start + (selected.length - selected.trimStart().length)
  const text = selected.trim()
  const to = from + text.length
  return {
    from,
    to,
    text: sign + text + sign,
    selectFrom: from + length,
    selectTo: to + length,
  }
}

function link(value: string, start: number, end: number): Edit {
  const selected = value.slice(start, end)
  const isAddress = URL_OR_MAIL.test(selected)
  const text = isAddress ? `[](${selected})` : `[${selected}](https://)`
  // What is still to be written.
  const selectFrom = start + (isAddress || !selected ? 1 : text.indexOf('https://'))
  const selectTo = isAddress || !selected ? selectFrom : start + text.length - 1
  return { from: start, to: end, text, selectFrom, selectTo }
}

function fence(value: string, start: number, end: number): Edit {
  const isFirst = start === 0 || value[start - 1] === '\n'
  const isLast = end === value.length || value[end] === '\n'
  const before = `${isFirst ? '' : '\n'}\`\`\`\n`
  const text = `${before}${value.slice(start, end)}\n\`\`\`${isLast ? '' : '\n'}`
  const selectFrom = start + before.length
  return { from: start, to: end, text, selectFrom, selectTo: selectFrom + end - start }
}

/** The whole lines of the selection. */
function lines(sign: string, value: string, start: number, end: number): Edit {
  const from = value.lastIndexOf('\n', start - 1) + 1
  const next = value.indexOf('\n', end)
  const to = next < 0 ? value.length : next
  const all = value.slice(from, to).split('\n')
  const has = all.every(line => line.startsWith(sign))
  const text = all.map(line => (has ? line.slice(sign.length) : sign + line)).join('\n')
  const selectTo = from + text.length
  return { from, to, text, selectFrom: start === end ? selectTo : from, selectTo }
}

/** Adds somebody's text as a quote, at the end. */
export function quote(value: string, said: string): Edit {
  const before = value.trim() ? `${value.trimEnd()}\n\n` : ''
  const quoted = said.trim().replace(/^/gm, '> ')
  const text = `${before}${quoted}\n\n`
  return { from: 0, to: value.length, text, selectFrom: text.length, selectTo: text.length }
}

/** Does it in a field, as if it had been typed: it can be undone, and the page hears of it. */
export function apply(field: HTMLTextAreaElement, edit: Edit) {
  field.focus()
  field.setSelectionRange(edit.from, edit.to)
  // Deprecated, and the only way that leaves the browser's undo as it is.
  const isDone = document.execCommand(edit.text ? 'insertText' : 'delete', false, edit.text)
  if (!isDone) {
    field.setRangeText(edit.text)
    field.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
  field.setSelectionRange(edit.selectFrom, edit.selectTo)
}
