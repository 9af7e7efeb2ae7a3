// A full inbox, and much that arrives.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Desk, PATIENCE, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'
import { row, rowTitles } from './support/reader.mjs'
import { slowness } from './support/speed.mjs'

const ITEMS = 1000
const ARRIVALS = 500
/**
 * Of an ordinary machine's processor: waiting for it, on a machine that has much else to do, does not
 * count.
 */
const LONGEST_TASK_MS = 200
const TRACED = {
  categories: [
    // The tasks of each thread, with the time of the processor that each took.
    'disabled-by-default-devtools.timeline',
    // The marks of the page.
    'blink.user_timing',
  ],
}
const END = 'all is there'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('load-sender', 'load-reader')
  await flood(desk.server, 'load-sender', 'load-reader', ITEMS, 'Old', { atOnce: 4 })
})
after(() => desk.end())

test('1 000 items scroll, 500 arrive, the list does not jump, and the page does not freeze', async t => {
  const page = await desk.person('load-reader')
  await row(page, `Old ${ITEMS - 1}`).waitFor()
  const slow = [slowness().cpu]
  await desk.browser.startTracing(page, TRACED)
  const scroller = page.locator('.tidings-scroller')
  // To the very end, page by page, as a reader does.
  const deadline = Date.now() + PATIENCE
  while ((await rowTitles(page)).at(-1) !== 'Old 0') {
    assert.ok(Date.now() < deadline, 'the list does not end')
    await scroller.evaluate(element => element.scrollBy(0, element.clientHeight * 3))
  }
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
  await flood(desk.server, 'load-sender', 'load-reader', ARRIVALS, 'New', { atOnce: 4 })
  await page.getByRole('button', { name: `${ARRIVALS} new items`, exact: true }).waitFor()
  slow.push(slowness().cpu)
  await until(inSight, text => text === before)

  await page.getByRole('button', { name: `${ARRIVALS} new items`, exact: true }).click()
  await row(page, `New ${ARRIVALS - 1}`).waitFor()
  const expected = await titles(desk.server, 'load-reader')
  await until(
    () => rowTitles(page),
    shown => shown.join() === expected.slice(0, shown.length).join(),
  )

  await page.evaluate(end => performance.mark(end), END)
  const { traceEvents } = JSON.parse(String(await desk.browser.stopTracing()))
  assert.ok(
    traceEvents.some(({ name }) => name === END),
    'the trace has everything',
  )
  const tasks = tasksOf(traceEvents)
  const longest = Math.round(tasks.reduce((most, { tdur }) => Math.max(most, tdur), 0) / 1000)
  slow.push(slowness().cpu)
  const limit = Math.round(LONGEST_TASK_MS * Math.max(...slow))
  t.diagnostic(`the longest of ${tasks.length} tasks took ${longest} ms of ${limit} here`)
  assert.ok(longest <= limit, `the longest task took ${longest} ms of ${limit}`)
  await page.context().close()
})

/** The tasks of a page in its trace; `tdur` is in microseconds. */
function tasksOf(events) {
  const { pid, tid } = events.find(({ name }) => name === END)
  const tasks = events.filter(
    event =>
      event.name === 'RunTask' &&
      event.pid === pid &&
      event.tid === tid &&
      event.tdur !== undefined,
  )
  assert.ok(tasks.length > 0, 'the trace has the tasks of the page')
  return tasks
}
