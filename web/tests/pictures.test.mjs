// The demo as it is opened for the first time, and the pictures of the documents. If SCREENSHOTS is
// set, they are written into that directory: for the repository, `../docs/images`.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { browser, Desk, hasCount, PATIENCE, until } from './support/desk.mjs'
import { animated, smaller } from './support/images.mjs'
import { titles } from './support/mail.mjs'
import { openTitle, pane, row, rowTitles } from './support/reader.mjs'

const BINARY = process.env.TIDINGS_BINARY ?? '../target/debug/tidings'
const { SCREENSHOTS } = process.env
/** The aim is one second on a quiet machine; the test prints what it was. */
const FIRST_PAINT_MS = 5_000
/** Until the first row can be opened. On a quiet machine it is less than a second. */
const INTERACTIVE_MS = 10_000

let demo, directory, address, chromium
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidings-demo-'))
  demo = spawn(BINARY, ['serve', '--demo', '--listen', '127.0.0.1:0'], {
    cwd: directory,
    env: { PATH: process.env.PATH, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of createInterface({ input: demo.stdout })) {
    address = /^GraphiQL\s+http:\/\/(\S+?)\/graphiql/.exec(line)?.[1]
    if (address) break
  }
  demo.stdout.resume()
  chromium = await browser()
})
after(async () => {
  await chromium?.close()
  demo.kill('SIGKILL')
  await once(demo, 'exit')
  rmSync(directory, { recursive: true, force: true })
})

/** Somebody opens the demo, and is in Ada's inbox with one click. */
async function visit(options) {
  const context = await chromium.newContext({
    locale: 'en-GB',
    reducedMotion: 'reduce',
    // Twice the size is for the documents.
    deviceScaleFactor: SCREENSHOTS ? 2 : 1,
    ...options,
  })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(`http://${address}/inbox`)
  await page.getByRole('button', { name: /Ada/ }).click()
  await row(page, 'Rehearsal').first().waitFor()
  assert.deepEqual(complaints, [])
  return page
}

/**
 * Makes it the end of the story's newest working day, from which most of the list is: pictures that
 * are made on a Sunday or in the night show its hours, too.
 */
async function inTheEvening(page) {
  const rehearsal = row(page, 'Rehearsal').first()
  const moment = await rehearsal.locator('time').getAttribute('datetime')
  await page.clock.setFixedTime(`${moment.slice(0, 10)}T17:30:00Z`)
  await page.reload()
  await rehearsal.waitFor()
}

/** Waits until all that is in sight has been seen, and the server knows. */
async function settled(page) {
  await page.getByRole('button', { name: 'Inbox, nothing new', exact: true }).waitFor()
  await hasCount(page.getByText('Waiting to be sent'), 0)
}

/** Looks at a page; keeps it where pictures are asked for. */
async function picture(page, name) {
  // Also pictures of people.
  await page.waitForFunction(() => [...document.images].every(image => image.complete))
  const image = await page.screenshot({ animations: 'disabled' })
  assert.ok(image.length > 10_000, 'a picture of something')
  if (SCREENSHOTS && name) await writeFile(join(SCREENSHOTS, `${name}.png`), smaller(image))
  return image
}

test('a visitor of the demo is in an inbox with one click, and sees something soon', async t => {
  const page = await visit({ viewport: { width: 1280, height: 800 } })
  const paint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0].startTime,
  )
  t.diagnostic(`first contentful paint after ${Math.round(paint)} ms`)
  assert.ok(paint <= FIRST_PAINT_MS, `the first paint took ${paint} ms`)
  await inTheEvening(page)
  await row(page, 'Rehearsal: what we saw').click()
  await openTitle(page, /what we saw/).waitFor()
  await pane(page).locator('.tidings-markdown p').first().waitFor()
  await row(page, 'Rehearsal: what we saw').and(page.locator(':not([data-unread])')).waitFor()
  await settled(page)
  await page.mouse.move(0, 0)
  await picture(page, 'inbox-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await picture(page, 'inbox-dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.goto(`http://${address}/sent`)
  await page.locator('.app-row').first().click()
  await page.getByTestId('rate').waitFor()
  await page.mouse.move(0, 0)
  await picture(page, 'sent')
  await page.context().close()
})

test('in the demo two clicks lead into somebody’s inbox, and another window is somebody else', async () => {
  const desk = new Desk()
  desk.browser = chromium
  try {
    const open = async name => {
      const context = await chromium.newContext({ locale: 'en-GB' })
      const page = await desk.watch(context, name, `http://${address}`, '/inbox')
      await page.getByRole('button', { name }).click()
      await page.getByRole('heading', { name: 'Inbox' }).waitFor()
      return page
    }
    const ada = await open('Ada Lindqvist')
    const kwame = await open('Kwame Mensah')
    await ada.getByRole('button', { name: 'Account of Ada Lindqvist' }).waitFor()
    await kwame.getByRole('button', { name: 'Account of Kwame Mensah' }).click()
    await kwame.getByRole('menuitem', { name: 'Be somebody else' }).click()
    await kwame.getByRole('button', { name: 'Booking App' }).click()
    // It has no inbox, so its pages begin with what it has sent.
    await kwame.getByRole('link', { name: 'Admin' }).waitFor()
    assert.equal(await kwame.getByRole('link', { name: 'Inbox' }).count(), 0)
  } finally {
    await desk.end()
  }
})

test('a click opens the first row of the demo soon after the page was asked for', async t => {
  const context = await chromium.newContext({ locale: 'en-GB', reducedMotion: 'reduce' })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  await page.addInitScript(() => {
    // The person has been chosen; nothing else is known yet.
    sessionStorage.setItem('tidings:demo', 'ada')
    // A click on the first row as soon as there is one, and when it has opened it.
    const look = () => {
      document.querySelector('.tidings-row-link')?.click()
      if (!document.querySelector('.tidings-pane-item h2')) return
      window.openedAfter = performance.now()
      observer.disconnect()
    }
    const observer = new MutationObserver(look)
    observer.observe(document, { subtree: true, childList: true })
  })
  await page.goto(`http://${address}/inbox`)
  const opened = await (await page.waitForFunction(() => window.openedAfter)).jsonValue()
  const paint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0].startTime,
  )
  t.diagnostic(`first contentful paint after ${Math.round(paint)} ms`)
  t.diagnostic(`a click opened the first row after ${Math.round(opened)} ms`)
  assert.ok(opened <= INTERACTIVE_MS, `the first row was open after ${opened} ms`)
  await context.close()
})

test('on a phone, a message covers the list, and the way back is there', async () => {
  const page = await visit({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  })
  await inTheEvening(page)
  await settled(page)
  await picture(page, 'phone')
  await row(page, 'Rehearsal').first().tap()
  await openTitle(page, /rehearsal/i).waitFor()
  await pane(page).locator('.tidings-markdown p').first().waitFor()
  await picture(page)
  await page.getByRole('button', { name: 'Back', exact: true }).tap()
  await row(page, 'Rehearsal').first().waitFor()
  await page.context().close()
})

const PEOPLE = {
  maya: ['Maya', 'Okafor'],
  jonas: ['Jonas', 'Weber'],
  lucia: ['Lucía', 'Romero'],
  tomek: ['Tomek', 'Nowak'],
}
const BEFORE = [
  ['tomek', 'Photos of the offsite', 'All 214 of them, sorted by day.'],
  ['lucia', 'Lunch on Thursday?', 'The place by the river has a table for six.'],
  ['jonas', 'Minutes of the planning meeting', 'Two questions are for you, at the end.'],
  ['tomek', 'New badge readers', 'From Monday on, the old cards no longer open the door.'],
  ['lucia', 'Draft of the contract', 'Could you look at section 4 before noon?'],
  ['jonas', 'Release 4.2 is ready', 'Everything is green. Shall we ship it today?'],
]
const MEANWHILE = [
  ['tomek', 'The train is late', 'I am there at half past ten.'],
  ['lucia', 'Section 4, second try', 'Shorter, and without the clause on Sundays.'],
  ['jonas', 'Shipped', 'Release 4.2 is out.'],
]

test('the server is killed and the network is cut, and what is shown is still right', async () => {
  const desk = await Desk.open()
  try {
    const { server } = desk
    const users = Object.entries(PEOPLE).map(([externalId, [firstName, lastName]]) => ({
      externalId,
      firstName,
      lastName,
    }))
    await server.query(
      'the-host',
      'mutation ($input: UpsertUsersInput!) { upsertUsers(input: $input) { users { id } } }',
      { input: { users } },
      'admin',
    )
    const send = async letters => {
      for (const [from, subject, body] of letters)
        await server.send(from, 'maya', subject, { body })
    }
    await send(BEFORE)
    const proxy = await desk.proxy()
    const maya = await desk.person('maya', '/inbox', {
      address: proxy.address,
      viewport: { width: 1100, height: 600 },
    })
    const frames = []
    const show = async (caption, milliseconds = 2200) => {
      await maya.evaluate(write, caption)
      frames.push({ png: await picture(maya), milliseconds })
    }
    await row(maya, 'Release 4.2').waitFor()
    await row(maya, 'Draft of the contract').click()
    await pane(maya).getByText('Could you look').first().waitFor()
    await show('An inbox, live.')

    await server.kill()
    await maya.getByText('You are offline.').first().waitFor()
    await show('The server is killed.')
    for (const [title, action] of [
      ['Minutes', 'Archive'],
      ['Photos', 'Mark as read'],
    ]) {
      await row(maya, title).hover()
      await row(maya, title).getByRole('button', { name: action }).click()
    }
    await row(maya, 'Minutes').waitFor({ state: 'detached' })
    await maya.getByText(/\d changes waiting to be sent/).waitFor()
    await maya.mouse.move(0, 0)
    await show('She goes on: she archives one message and marks another as read.')

    proxy.cut()
    await server.up()
    await send(MEANWHILE)
    assert.equal((await titles(server, 'maya')).length, BEFORE.length + MEANWHILE.length)
    await show('The server is back and others write to her, but now her network is cut.', 2800)

    // It is not there for long.
    const connected = maya.getByText('Connected again.').first().waitFor()
    proxy.mend()
    await connected
    await row(maya, 'Shipped').waitFor()
    const expected = await until(
      () => titles(server, 'maya'),
      there => there.length === BEFORE.length + MEANWHILE.length - 1,
    )
    await show('The network is back: what she did is sent, what arrived is there.', 2800)
    await maya.getByText('Connected again.').first().waitFor({ state: 'detached' })
    await until(
      () => rowTitles(maya),
      shown => shown.join() === expected.join(),
    )
    assert.ok(!expected.includes('Minutes of the planning meeting'))
    await show('Nothing is lost, nothing is there twice.', 3500)
    if (SCREENSHOTS) await writeFile(join(SCREENSHOTS, 'still-right.png'), animated(frames))
  } finally {
    await desk.end()
  }
})

/** Runs in the page: writes a line over it. */
function write(caption) {
  const line = document.getElementById('caption') ?? document.createElement('div')
  line.id = 'caption'
  line.textContent = caption
  Object.assign(line.style, {
    position: 'fixed',
    zIndex: 100,
    insetInline: 0,
    bottom: 0,
    padding: '11px 20px',
    background: '#1e1d1a',
    color: '#fff',
    font: '500 17px system-ui, sans-serif',
    textAlign: 'center',
  })
  document.body.append(line)
  for (const toasts of document.querySelectorAll('.tidings-toasts')) {
    toasts.style.marginBottom = `${line.offsetHeight}px`
  }
}
