// The inbox in a page of the host application, on another origin, under a strict policy of its own.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { browser, PATIENCE, until } from './support/desk.mjs'
import { announce } from './support/mail.mjs'
import { Server, token } from './support/server.mjs'

const ELEMENT = fileURLToPath(new URL('../packages/element', import.meta.url))

const SLOTS = fileURLToPath(new URL('support/slots.mjs', import.meta.url))

let host, origin, server, chromium, slots
/** Who is signed in at the host application. */
let guest = 'gast'
before(async () => {
  if (!existsSync(`${ELEMENT}/dist/index.js`)) {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: ELEMENT })
  }
  host = createServer(answer)
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  origin = `http://127.0.0.1:${host.address().port}`
  server = await Server.start({ CORS_ORIGINS: origin })
  await server.people('gast', 'wirt', 'leer', 'neu')
  chromium = await browser()
})
after(async () => {
  await chromium?.close()
  await server?.end()
  host?.close()
  host?.closeAllConnections()
})

/** The page of the host application: its script is a file, and nothing is inline. */
function answer({ url }, response) {
  const path = url.split('?')[0]
  if (path === '/') {
    response.setHeader('content-type', 'text/html')
    response.setHeader(
      'content-security-policy',
      `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; ` +
        `base-uri 'none'; ` +
        `connect-src http://${server.address} ws://${server.address}; ` +
        `require-trusted-types-for 'script'; trusted-types dompurify`,
    )
    return response.end(
      '<!doctype html><html lang="en"><title>Host</title>' +
        (url === '/?parts' ? '<link rel="stylesheet" href="/parts.css">' : '') +
        '<script type="module" src="/page.js"></script><main></main></html>',
    )
  }
  if (path === '/parts.css') {
    response.setHeader('content-type', 'text/css')
    return response.end(PARTS)
  }
  if (path.startsWith('/slots')) return answerSlots(path, response)
  if (path === '/blue.svg') {
    response.setHeader('content-type', 'image/svg+xml')
    return response.end('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
  }
  if (path === '/favicon.ico') return response.writeHead(204).end()
  response.setHeader('content-type', 'text/javascript')
  if (path === '/page.js') {
    return response.end(`
      import '/element/index.js'
      const inbox = document.createElement('tidings-inbox')
      inbox.setAttribute('url', 'http://${server.address}/graphql')
      if (location.search === '?bell') inbox.setAttribute('bell', '')
      if (location.search === '?pictures') inbox.setAttribute('announcement-pictures', '')
      inbox.getToken = () => '${token(guest)}'
      window.clicks = []
      window.counts = []
      inbox.addEventListener('itemclick', event => {
        window.clicks.push(event.detail.title)
        if (event.detail.title === 'Elsewhere') event.preventDefault()
      })
      inbox.addEventListener('countchange', event => window.counts.push(event.detail.unseen))
      document.querySelector('main').append(inbox)
    `)
  }
  try {
    response.end(readFileSync(ELEMENT + path.replace('/element/', '/dist/')))
  } catch {
    response.writeHead(404).end()
  }
}

/** What the page makes of parts of the element. */
const PARTS = `
  tidings-inbox::part(row-unread) { border-inline-start: 7px solid rgb(1, 2, 3) }
  tidings-inbox::part(pane-title) { text-transform: uppercase }
  tidings-inbox .tidings-row, .tidings-row { border-inline-start: 9px solid }
`

/** A page in React, whose script is built when it is asked for. */
async function answerSlots(path, response) {
  if (path === '/slots.js') {
    slots ??= build({
      configFile: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"' },
      build: {
        write: false,
        minify: false,
        modulePreload: false,
        rolldownOptions: {
          input: SLOTS,
          output: { entryFileNames: 'slots.js', codeSplitting: false },
        },
      },
    })
    const { output } = await slots
    response.setHeader('content-type', 'text/javascript')
    return response.end(output.find(({ fileName }) => fileName === 'slots.js').code)
  }
  response.setHeader('content-type', 'text/html')
  const settings = { url: `http://${server.address}/graphql`, token: token(path.split('/')[2]) }
  response.end(
    '<!doctype html><html lang="en"><title>Slots</title>' +
      `<script>window.settings = ${JSON.stringify(settings)}</script>` +
      '<script type="module" src="/slots.js"></script><main></main></html>',
  )
}

async function visit(path) {
  const page = await chromium.newPage({ viewport: { width: 1200, height: 800 }, locale: 'en-GB' })
  page.setDefaultTimeout(PATIENCE)
  const complaints = []
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', ({ violatedDirective, sample }) =>
      console.error(`policy: ${violatedDirective} ${sample}`),
    ),
  )
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    const text = message.text()
    if (message.type() === 'error') complaints.push(text)
  })
  await page.goto(origin + path)
  return { page, complaints }
}

test('the element shows the inbox, tells what is clicked and counted, and breaks no policy', async () => {
  await server.send('wirt', 'gast', 'Elsewhere')
  await server.send('wirt', 'gast', 'Welcome', { body: 'To **us**.' })
  const { page, complaints } = await visit('/')
  await page.getByRole('link', { name: /Welcome/ }).click()
  await page.locator('.tidings-markdown strong', { hasText: 'us' }).waitFor()
  // It has its own styles, and the page has none of them.
  assert.equal(
    await page.locator('.tidings-inbox').evaluate(element => getComputedStyle(element).display),
    'grid',
  )
  assert.equal(await page.evaluate(() => document.styleSheets.length), 0)
  // What the host opens itself, the element does not open.
  await page.getByRole('link', { name: /Elsewhere/ }).click()
  await until(
    () => page.evaluate(() => window.clicks),
    clicks => clicks.join() === 'Welcome,Elsewhere',
  )
  await page.getByRole('heading', { name: 'Welcome', level: 2 }).waitFor()

  await server.send('wirt', 'gast', 'One more')
  await page.getByRole('link', { name: /One more/ }).waitFor()
  await until(
    () => page.evaluate(() => window.counts),
    counts => Math.max(...counts) > 0 && counts.at(-1) === 0,
  )
  // Keys work where the focus is in it, and nowhere else.
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('?')
  assert.equal(await page.getByRole('dialog').count(), 0)
  await page.getByRole('link', { name: /One more/ }).focus()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  assert.deepEqual(complaints, [])
  await page.close()
})

test('the bell of the element opens the newest items over the page', async () => {
  // Somebody who has seen nothing yet: what the others have seen, the server may not know so soon.
  guest = 'neu'
  const { page, complaints } = await visit('/?bell')
  guest = 'gast'
  await server.send('wirt', 'neu', 'For the bell')
  await page.getByRole('button', { name: 'Inbox, 1 new item' }).click()
  await page
    .getByRole('dialog', { name: 'Inbox' })
    .getByRole('link', { name: /For the bell/ })
    .waitFor()
  await page.getByRole('button', { name: 'Inbox, nothing new' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog', { name: 'Inbox' }).waitFor({ state: 'hidden' })
  assert.deepEqual(complaints, [])
  await page.close()
})

test('the element loads the pictures of announcements only where its attribute allows it', async () => {
  await announce(server, { title: 'Rooms', body: 'They are ![blue](/blue.svg).' })
  for (const [path, pictures] of [
    ['/', 0],
    ['/?pictures', 1],
  ]) {
    const { page, complaints } = await visit(path)
    await page.getByRole('link', { name: /Rooms/ }).click()
    await page.locator('.tidings-markdown p').waitFor()
    const picture = page.locator('.tidings-markdown img')
    await until(
      () => picture.count(),
      count => count === pictures,
    )
    if (pictures) await until(() => picture.evaluate(image => image.naturalWidth), Boolean)
    // It can be given, and taken back, at any time.
    await page.evaluate(() =>
      document.querySelector('tidings-inbox').toggleAttribute('announcement-pictures'),
    )
    await until(
      () => picture.count(),
      count => count === 1 - pictures,
    )
    assert.deepEqual(complaints, [])
    await page.close()
  }
})

test('a page styles the parts of the element, and nothing else in it', async () => {
  await server.send('wirt', 'gast', 'In parts')
  const { page, complaints } = await visit('/?parts')
  const style = (locator, name) =>
    locator.evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), name)
  const row = page.locator('.tidings-row').filter({ hasText: 'In parts' })
  await row.waitFor()
  assert.equal(await style(row, 'border-inline-start'), '7px solid rgb(1, 2, 3)')
  await page.getByRole('link', { name: /In parts/ }).click()
  const title = page.getByRole('heading', { name: 'In parts', level: 2 })
  await title.waitFor()
  assert.equal(await style(title, 'text-transform'), 'uppercase')
  // It has been read, and is that part no more.
  await row.and(page.locator(':not([data-unread])')).waitFor()
  assert.equal(await style(row, 'border-inline-start-width'), '0px')
  assert.deepEqual(complaints, [])
  await page.close()
})

test('a page in React shows its own rows and its own empty lists', async () => {
  await announce(server, { title: 'New rooms', body: 'Upstairs.' })
  await server.send('wirt', 'gast', 'As ever')
  const { page, complaints } = await visit('/slots/gast')
  const inbox = page.locator('.tidings-inbox')
  await inbox.getByText('Read me: New rooms').waitFor()
  // What is shown is what the row opens, and other rows stay as they are.
  await inbox.locator('.tidings-row-title', { hasText: 'As ever' }).waitFor()
  await inbox.getByRole('link', { name: 'Read me: New rooms' }).click()
  await page.getByRole('heading', { name: 'New rooms', level: 2 }).waitFor()
  await inbox.getByRole('link', { name: 'Snoozed' }).click()
  await inbox.getByText('Nothing in “SNOOZED”.').waitFor()
  await page.getByRole('button', { name: /^Inbox, / }).click()
  const popover = page.getByRole('dialog', { name: 'Inbox' })
  await popover.getByText('Read me: New rooms').waitFor()
  assert.deepEqual(complaints, [])
  await page.close()

  // What everybody was told comes into an inbox when somebody looks at it.
  await server.query('leer', '{ viewer { inbox { counts { active } } } }')
  await server.query('leer', 'mutation { archiveAll(input: {}) { affectedCount } }')
  const { page: empty } = await visit('/slots/leer')
  await empty.locator('.tidings-inbox').getByText('Nothing in “ACTIVE”.').waitFor()
  await empty.getByRole('button', { name: 'Inbox, nothing new' }).click()
  await empty.getByRole('dialog').getByText('Nothing in “the popover”.').waitFor()
  await empty.close()
})
