// How much the page loads before it shows anything, compressed, React included; and whether that is
// within the budget. `npm run build` comes first.

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUDGET_KB = 160

const dist = new URL('dist/', import.meta.url)
const page = readFileSync(new URL('index.html', dist), 'utf8')
const files = [...page.matchAll(/assets\/[^"]+/g)].map(([file]) => file)
const sizes = files.map(file => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length)
const size = sizes.reduce((sum, one) => sum + one, 0) / 1000

console.log(
  `The page loads ${size.toFixed(1)} kB in ${files.length} files; the limit is ${BUDGET_KB}`,
)
if (size > BUDGET_KB) process.exit(1)
