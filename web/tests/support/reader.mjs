// What a reader sees and does in the inbox.

import { until } from './desk.mjs'

/** The row with this title. */
export const row = (page, title) =>
  page.locator('.tidings-column .tidings-row').filter({ hasText: title })

/** The link of a row: what has the focus. */
export const rowLink = (page, title) => row(page, title).locator('.tidings-row-link')

/** The titles of the rows in sight, from the top. */
export const rowTitles = page =>
  page.locator('.tidings-column .tidings-row').evaluateAll(rows =>
    rows
      .map(element => ({
        position: Number(element.getAttribute('aria-posinset')),
        title: element.querySelector('.tidings-row-title').textContent,
      }))
      .sort((one, other) => one.position - other.position)
      .map(({ title }) => title),
  )

export const pane = page => page.getByRole('region', { name: /^(Reading pane|Lesebereich)$/ })

/** The title of what is open. */
export const openTitle = (page, title) => pane(page).getByRole('heading', { name: title, level: 2 })

/**
 * Waits until the browser has kept the inbox: the next visit begins with that. It looks itself,
 * because `waitForFunction` takes the promise of an asynchronous function for a yes.
 */
export const isKept = page =>
  page.evaluate(async () => {
    const result = request =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const count = async () => {
      const named = (await indexedDB.databases()).find(({ name }) => name.startsWith('tidings '))
      if (!named) return 0
      const database = await result(indexedDB.open(named.name))
      const heads = await result(database.transaction('head').objectStore('head').count())
      database.close()
      return heads
    }
    while ((await count()) === 0) await new Promise(requestAnimationFrame)
  })

/** Fails unless the focus is on the row with this title, in a moment. */
export async function hasFocus(page, title) {
  await page.waitForFunction(
    text =>
      document.activeElement?.matches('.tidings-row-link') &&
      document.activeElement.querySelector('.tidings-row-title').textContent === text,
    title,
  )
}

/** Fails unless nothing of the page is wider than the window, once it is laid out. */
export const fits = page =>
  until(
    () =>
      page.evaluate(() => ({
        width: document.documentElement.clientWidth,
        content: document.documentElement.scrollWidth,
      })),
    ({ width, content }) => content <= width,
    10_000,
  )
