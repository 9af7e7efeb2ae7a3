/** A table as CSV (RFC 4180), with a mark at the beginning that makes Excel read it as UTF-8. */
export function csv(rows: (string | number)[][]): string {
  return '\ufeff' + rows.map(row => row.map(cell).join(',') + '\r\n').join('')
}

function cell(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : harmless(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Spreadsheets run a text that begins like a formula. */
function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
}

/** Offers a file to the reader. */
export function offerFile(content: string | Blob, name: string) {
  const blob = typeof content === 'string' ? new Blob([content], { type: 'text/csv' }) : content
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The browser has taken it by the next task.
  setTimeout(() => URL.revokeObjectURL(link.href))
}
