// Several tabs of one browser: a real Chromium, with the package as it is built.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import { Proxy, Server, token } from './support.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const LIBRARY = dirname(createRequire(import.meta.url).resolve('graphql-ws'))
const PAGE = `<!doctype html><title>page</title>
<script type="importmap">{ "imports": { "graphql-ws/client": "/graphql-ws/client.js" } }</script>
<script type="module">
  import { connect } from '/client/index.js'
  const parameters = new URLSearchParams(location.search)
  window.tidings = connect({
    url: parameters.get('url'),
    getToken: () => parameters.get('token'),
    hiddenFor: 300,
  })
  window.list = tidings.inbox.list()
  list.subscribe(() => undefined)
  window.events = []
  tidings.inbox.on('refused', ({ reason }) => events.push(reason))
</script>`

let browser, files, origin, inboxes, network

before(async () => {
  files = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const [, place, file] = pathname.split('/')
    const folder = { client: join(HERE, '../dist'), 'graphql-ws': LIBRARY }[place]
    response.setHeader('content-type', folder ? 'text/javascript' : 'text/html')
    response.end(folder ? readFileSync(join(folder, file)) : PAGE)
  }).listen(0, '127.0.0.1')
  await once(files, 'listening')
  origin = `http://127.0.0.1:${files.address().port}`
  inboxes = await Server.start({ CORS_ORIGINS: origin })
  network = await Proxy.to(inboxes.address)
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
})

after(async () => {
  await browser?.close()
  await network?.end()
  await inboxes?.end()
  files?.close()
})

/** Waits until the browser has kept an inbox. A visit that is shorter leaves nothing behind. */
const isKept = page =>
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

/** A browser of somebody, and how many sockets its tabs have open. */
async function browserOf(test, person) {
  const context = await browser.newContext()
  test.after(() => context.close())
  const sockets = new Set()
  const changes = new EventEmitter()
  /** Waits until there are `wanted` sockets: the browser tells of them a little later. */
  const hasSockets = async wanted => {
    while (sockets.size !== wanted) await once(changes, 'change')
  }
  const open = async prepare => {
    const page = await context.newPage()
    if (prepare) await page.addInitScript(prepare)
    page.on('websocket', socket => {
      const closed = () => {
        sockets.delete(socket)
        changes.emit('change')
      }
      sockets.add(socket)
      changes.emit('change')
      socket.on('close', closed)
      page.on('close', closed)
    })
    page.on('pageerror', error => assert.fail(error))
    const query = new URLSearchParams({ url: network.url, token: token(person) })
    await page.goto(`${origin}/?${query}`)
    return page
  }
  return { open, hasSockets }
}

const isLive = page => page.waitForFunction(() => tidings.connection.get().state === 'live')
const isOffline = page => page.waitForFunction(() => tidings.connection.get().state === 'offline')
const shows = (page, ...titles) =>
  page.waitForFunction(
    wanted => String(list.get().items.map(({ title }) => title)) === wanted,
    String(titles),
  )
const counts = page => page.evaluate(() => tidings.inbox.counts.get())

test('two tabs, one socket; what is done in one shows in the other', async test => {
  await inboxes.people('bob')
  const { open, hasSockets } = await browserOf(test, 'bob')
  await inboxes.send('alice', 'bob', 'one')
  const [first, second] = [await open(), await open()]
  for (const page of [first, second]) {
    await isLive(page)
    await shows(page, 'one')
  }
  await hasSockets(1)

  await second.evaluate(() => tidings.inbox.markRead([list.get().items[0].id]).done)
  await first.waitForFunction(() => tidings.inbox.counts.get().unread === 0)
  await inboxes.send('alice', 'bob', 'two')
  for (const page of [first, second]) await shows(page, 'two', 'one')

  // A tab that does not lead takes a mark back, too.
  await second.evaluate(async () => {
    const mark = tidings.inbox.archive(list.get().items.map(({ id }) => id))
    await mark.undo()
  })
  for (const page of [first, second]) {
    await shows(page, 'two', 'one')
    assert.equal((await counts(page)).archived, 0)
  }

  // And learns that one was refused.
  const code = await second.evaluate(() =>
    tidings.inbox.snooze([list.get().items[0].id], new Date(0)).done.catch(({ code }) => code),
  )
  assert.equal(code, 'BAD_USER_INPUT')
  for (const page of [first, second]) {
    await shows(page, 'two', 'one')
    assert.deepEqual(await page.evaluate(() => events), ['refused'])
  }

  // A thread in the tab that does not lead is followed, too.
  const root = await inboxes.send('alice', 'bob', 'three')
  await second.evaluate(id => {
    window.thread = tidings.thread(id)
    thread.subscribe(() => undefined)
  }, root)
  await second.waitForFunction(() => thread.get().root && !thread.get().loading)
  await inboxes.query(
    'alice',
    'mutation ($input: ReplyToMessageInput!) { replyToMessage(input: $input) { message { id } } }',
    { input: { parentId: root, body: 'more' } },
  )
  await second.waitForFunction(() => thread.get().messages.length === 1)
  await hasSockets(1)
  await second.waitForFunction(() => list.get().items.length === 4)

  // The other one takes over, and misses nothing.
  await first.close()
  await inboxes.send('alice', 'bob', 'four')
  await isLive(second)
  await second.waitForFunction(() => list.get().items[0].title === 'four')
  assert.equal((await counts(second)).active, 5)
  await hasSockets(1)
})

test('a tab whose browser is slow to know of it is not taken for gone', async test => {
  await inboxes.people('bea')
  const { open } = await browserOf(test, 'bea')
  await inboxes.send('alice', 'bea', 'one')
  const first = await open()
  await isLive(first)
  const second = await open(() => {
    // The first lock is the one by which others know that it is there.
    const request = navigator.locks.request.bind(navigator.locks)
    const isLate = new Promise(resolve => (window.arrive = resolve))
    navigator.locks.request = async (...arguments_) => {
      navigator.locks.request = request
      await isLate
      return request(...arguments_)
    }
  })
  await shows(second, 'one')
  await second.evaluate(() => window.arrive())
  await isLive(second)
  await inboxes.send('alice', 'bea', 'two')
  await shows(second, 'two', 'one')
})

test('marks without a network show in all tabs, and are sent although their tab is gone', async test => {
  await inboxes.people('eve')
  const { open } = await browserOf(test, 'eve')
  await inboxes.send('alice', 'eve', 'one')
  const [first, second] = [await open(), await open()]
  for (const page of [first, second]) {
    await isLive(page)
    await shows(page, 'one')
  }
  await isKept(first)
  network.cut()
  for (const page of [first, second]) await isOffline(page)
  await second.evaluate(() => void tidings.inbox.archive([list.get().items[0].id]))
  await shows(first)
  assert.equal(await first.evaluate(() => tidings.connection.get().pending), 1)
  await first.close()
  await second.close()

  // Opened again, still without a network.
  const third = await open()
  await third.waitForFunction(() => tidings.inbox.counts.get()?.archived === 1)
  network.mend()
  await isLive(third)
  await third.waitForFunction(() => tidings.connection.get().pending === 0)
  const { viewer } = await inboxes.query('eve', '{ viewer { inbox { counts { archived } } } }')
  assert.equal(viewer.inbox.counts.archived, 1)
})

test('tabs that nobody sees close their socket, and continue when somebody does', async test => {
  await inboxes.people('kim')
  const { open, hasSockets } = await browserOf(test, 'kim')
  const [first, second] = [await open(), await open()]
  for (const page of [first, second]) await isLive(page)
  const see = (page, state) =>
    page.evaluate(state => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  await see(first, 'hidden')
  await inboxes.send('alice', 'kim', 'one')
  for (const page of [first, second]) await shows(page, 'one')
  await see(second, 'hidden')
  await first.waitForFunction(() => tidings.connection.get().state === 'paused')
  await hasSockets(0)
  await inboxes.send('alice', 'kim', 'two')
  await see(second, 'visible')
  for (const page of [first, second]) {
    await shows(page, 'two', 'one')
    await isLive(page)
  }
  await hasSockets(1)
})

test('signing out in one tab signs out all, and leaves nothing behind', async test => {
  await inboxes.people('lee')
  const { open, hasSockets } = await browserOf(test, 'lee')
  await inboxes.send('alice', 'lee', 'secret')
  const [first, second] = [await open(), await open()]
  for (const page of [first, second]) {
    await isLive(page)
    await shows(page, 'secret')
  }
  await second.evaluate(() => {
    // A component that is taken off the page has closed it already.
    tidings.close()
    return tidings.signOut()
  })
  await first.waitForFunction(() => tidings.connection.get().state === 'signed-out')
  await hasSockets(0)
  await first.evaluate(async () => {
    while ((await indexedDB.databases()).length !== 1) await new Promise(requestAnimationFrame)
  })
})
