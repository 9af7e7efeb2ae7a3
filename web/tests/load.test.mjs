// A full inbox, and much that arrives.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Desk, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'
import { row, rowTitles } from './support/reader.mjs'

const ITEMS = 1000
const ARRIVALS = 500
/** The aim is 200 ms on a quiet machine; the test prints what it was. */
const LONGEST_TASK_MS = 1_000

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('load-sender', 'load-reader')
  await flood(desk.server, 'load-sender', 'load-reader', ITEMS, 'Old')
})
after(() => desk.end())

test('1 000 items scroll, 500 arrive, the list does not jump, and the page does not freeze', async t => {
  const page = await desk.person('load-reader')
  await row(page, `Old ${ITEMS - 1}`).waitFor()
  await page.evaluate(() => {
    window.tasks = []
    const note = list => window.tasks.push(...list.getEntries().map(({ duration }) => duration))
    new PerformanceObserver(note).observe({ type: 'longtask' })
  })
  const scroller = page.locator('.tidings-scroller')
  // To the very end, page by page, as a reader does.
  await until(
    async () => {
      await scroller.evaluate(element => element.scrollBy(0, element.clientHeight * 3))
      return rowTitles(page)
    },
    shown => shown.at(-1) === 'Old 0',
    60_000,
  )
  assert.ok((await page.locator('.tidings-row').count()) < 60, 'only rows in sight exist')

  // Somewhere in the middle, while much arrives.
  await scroller.evaluate(element => element.scrollTo(0, element.scrollHeight / 2))
  const inSight = () =>
    scroller.evaluate(element => {
      const top = element.getBoundingClientRect().top
      const rows = [...element.querySelectorAll('.tidings-row')]
      const first = rows
        .map(row => ({ text: row.innerText, top: row.getBoundingClientRect().top - top }))
        .filter(({ top }) => top >= 0 && top < element.clientHeight)
        .sort((one, other) => one.top - other.top)[0]
      return first && `${first.text.split('\n')[1]} at ${Math.round(first.top)}`
    })
  // The rows of that place come with the next frame.
  const before = await until(inSight, text => text !== undefined)
  await flood(desk.server, 'load-sender', 'load-reader', ARRIVALS, 'New')
  await page.getByRole('button', { name: `${ARRIVALS} new items`, exact: true }).waitFor()
  await until(inSight, text => text === before)

  await page.getByRole('button', { name: `${ARRIVALS} new items`, exact: true }).click()
  await row(page, `New ${ARRIVALS - 1}`).waitFor()
  const expected = await titles(desk.server, 'load-reader')
  await until(
    () => rowTitles(page),
    shown => shown.join() === expected.slice(0, shown.length).join(),
  )

  const tasks = await page.evaluate(() => window.tasks)
  const longest = Math.round(Math.max(0, ...tasks))
  t.diagnostic(`the longest task took ${longest} ms`)
  assert.ok(longest <= LONGEST_TASK_MS, `the longest task took ${longest} ms`)
  await page.context().close()
})
