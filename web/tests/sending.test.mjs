// Writing messages, and seeing how they are read.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { choose, Desk, hasCount, hasValue, until } from './support/desk.mjs'
import { hasSeenAll } from './support/mail.mjs'
import { slowness } from './support/speed.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('ada', 'kwame', 'priya', 'mei')
})
after(() => desk.end())

/** Fills the form of a new message. */
async function write(page, { to, subject, body = '' }) {
  await page.getByRole('button', { name: 'New message' }).click()
  const form = page.getByRole('dialog', { name: 'New message' })
  for (const name of to) await choose(form.getByRole('combobox', { name: 'To' }), name)
  await form.getByLabel('Subject').fill(subject)
  if (body) await form.getByRole('textbox', { name: 'Message' }).fill(body)
  return form
}

/** The rows of somebody's inbox with this subject. */
const rows = (page, subject) => page.getByRole('link', { name: subject })

test('what somebody sends is in the list, the badge and the title of the other within a second', async () => {
  const kwame = await desk.person('kwame')
  const ada = await desk.person('ada', '/sent')
  await kwame.getByRole('button', { name: 'Inbox, nothing new' }).waitFor()
  const form = await write(ada, {
    to: ['kwame'],
    subject: 'Lunch at noon?',
    body: '**Soup** today.',
  })
  await form.getByRole('tab', { name: 'Preview' }).click()
  await form.locator('strong', { hasText: 'Soup' }).waitFor()
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  await rows(kwame, 'Lunch at noon?').first().waitFor()
  // Who looks at the list has seen it.
  await kwame.getByRole('button', { name: 'Inbox, nothing new' }).waitFor()
  await hasSeenAll(desk.server, 'kwame')
  await form.waitFor({ state: 'hidden' })
  await ada.getByRole('link', { name: /Lunch at noon\?.*0 of 1 read/ }).waitFor()

  // The fastest of five counts, and a slow machine has longer. On this page nothing is seen, so that
  // the count grows.
  await kwame.addInitScript(() => {
    window.badges = []
    navigator.setAppBadge = async count => window.badges.push(count)
    navigator.clearAppBadge = async () => window.badges.push(0)
  })
  await kwame.goto(`${kwame.base}/sent`)
  await kwame.getByRole('button', { name: 'Inbox, nothing new' }).waitFor()
  const icon = () => kwame.locator('link[rel=icon]').getAttribute('href')
  const withoutDot = await icon()
  await kwame.evaluate(() => {
    window.told = []
    window.listensSince = performance.now()
    const region = [...document.querySelectorAll('.tidings-hidden[role=status]')].at(-1)
    const tell = () => window.told.push({ text: region.innerText.trim(), at: performance.now() })
    new MutationObserver(tell).observe(region, {
      subtree: true,
      childList: true,
      characterData: true,
    })
  })
  const slowBefore = slowness().wall
  const times = []
  for (const count of ['1 new item', '2 new items', '3 new items', '4 new items', '5 new items']) {
    const sent = performance.now()
    await desk.server.send('ada', 'kwame', `Course ${count}`)
    await kwame.getByRole('button', { name: `Inbox, ${count}` }).waitFor()
    await kwame.waitForFunction(count => document.title.startsWith(`(${count})`), count[0])
    times.push(performance.now() - sent)
  }
  const limit = 1000 * Math.max(slowBefore, slowness().wall)
  assert.ok(Math.min(...times) < limit, `they took ${times} ms of ${limit}`)
  assert.notEqual(await icon(), withoutDot)
  assert.deepEqual(await kwame.evaluate(() => window.badges), [0, 1, 2, 3, 4, 5])
  // Those who listen are told of them together, and at most every five seconds.
  const told = await until(
    () => kwame.evaluate(() => window.told),
    told => told.some(({ text }) => /^\d new items?$/.test(text)),
  )
  // The page may be late with each, but is early with none.
  const since = await kwame.evaluate(() => window.listensSince)
  assert.ok(
    told.every(({ at }, n) => at - since >= n * 5000 - 50),
    JSON.stringify({ told, since }),
  )
  await kwame.context().close()
  await ada.context().close()
})

test('read rates climb while the sender looks', async () => {
  const id = await desk.server.send('ada', ['kwame', 'priya', 'mei'], 'New opening hours')
  const ada = await desk.person('ada', `/sent?item=${id}`)
  const rate = ada.getByTestId('rate')
  await until(
    () => rate.innerText(),
    text => text === '0%',
  )
  await ada
    .getByRole('listitem')
    .filter({ hasText: /kwame.*Not seen/s })
    .waitFor()

  const read = person =>
    desk.server.query(
      person,
      `mutation($rootId: ID!) { markThreadRead(input: { rootId: $rootId }) { affectedCount } }`,
      { rootId: id },
    )
  await read('kwame')
  await until(
    () => rate.innerText(),
    text => text === '33%',
  )
  await ada.getByRole('link', { name: /New opening hours.*1 of 3 read/ }).waitFor()
  await read('priya')
  await until(
    () => rate.innerText(),
    text => text === '66%',
  )
  // The chart, and its words for those who do not see it.
  await ada.getByRole('img', { name: /^2 of 3 people had read it/ }).waitFor()
  await ada.getByText('As a table').click()
  await ada.getByRole('cell', { name: '66%' }).waitFor()
  // Who, and who not.
  const recipients = ada.getByRole('tabpanel')
  await ada.getByRole('tab', { name: 'Not read' }).click()
  await hasCount(recipients.getByText('kwame'), 0)
  await recipients.getByText('mei').waitFor()
  await ada.getByRole('tab', { name: 'Read', exact: true }).click()
  await hasCount(recipients.getByText('mei'), 0)
  await recipients.getByText('priya').waitFor()

  const [file] = await Promise.all([
    ada.waitForEvent('download'),
    ada.getByRole('button', { name: 'Download CSV' }).click(),
  ])
  const lines = (await text(file)).trim().split('\r\n')
  assert.equal(lines.length, 4)
  assert.match(
    lines.find(line => line.includes('kwame')),
    /^kwame,kwame,,\S+,\S+,,0$/,
  )
  assert.match(
    lines.find(line => line.includes('mei')),
    /^mei,mei,,,,,0$/,
  )
  await ada.context().close()
})

async function text(file) {
  const { readFile } = await import('node:fs/promises')
  return readFile(await file.path(), 'utf8')
}

test('every row in sight has its read rate live, wherever one has scrolled to', async () => {
  await desk.server.people('rita', 'sten', 'tove')
  const sent = []
  for (let n = 0; n < 30; n++) {
    sent.push(await desk.server.send('rita', ['sten', 'tove'], `Row ${n}.`))
  }
  const rita = await desk.person('rita', '/sent', { viewport: { width: 1280, height: 1200 } })
  const link = (n, rate = '') =>
    rita.getByRole('link', { name: new RegExp(`Row ${n}\\..*${rate}`) })
  const read = (person, n) =>
    desk.server.query(
      person,
      'mutation($rootId: ID!) { markThreadRead(input: { rootId: $rootId }) { affectedCount } }',
      { rootId: sent[n] },
    )
  await link(29, '0 of 2 read').waitFor()
  const bottom = await rita
    .locator('.app-row')
    .evaluateAll(rows =>
      rows.findLastIndex(row => row.getBoundingClientRect().bottom <= innerHeight),
    )
  assert.ok(bottom >= 10, `only ${bottom + 1} rows are in sight`)
  for (const n of [29, 29 - bottom]) {
    await read('sten', n)
    await link(n, '1 of 2 read').waitFor()
  }
  // What is out of sight is not followed, and is up to date when it comes into sight.
  await read('sten', 0)
  await link(0).scrollIntoViewIfNeeded()
  await link(0, '1 of 2 read').waitFor()
  await read('tove', 0)
  await link(0, '2 of 2 read').waitFor()
  await rita.context().close()
})

test('a draft stays over a reload and a resync', async () => {
  const ada = await desk.person('ada', '/sent')
  await write(ada, { to: ['priya'], subject: 'The plan for', body: 'First of all' })
  await ada.reload()
  const form = ada.getByRole('dialog', { name: 'New message' })
  await hasValue(form.getByLabel('Subject'), 'The plan for')
  await hasValue(form.getByRole('textbox', { name: 'Message' }), 'First of all')
  await form.getByRole('button', { name: 'Remove priya' }).waitFor()

  // The server comes back from a copy: what clients know of it is no longer so.
  await form.getByLabel('Subject').fill('The plan for spring')
  await desk.server.kill()
  await desk.server.run('new-epoch')
  await desk.server.up()
  // The page is connected again when what others do arrives.
  await desk.server.send('mei', 'ada', 'Are you back?')
  await ada.waitForFunction(() => document.title.startsWith('('))
  await hasValue(form.getByLabel('Subject'), 'The plan for spring')
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  await form.waitFor({ state: 'hidden' })
  const { viewer } = await desk.server.query(
    'priya',
    '{ viewer { inbox { items { nodes { title } } } } }',
  )
  const titles = viewer.inbox.items.nodes.map(({ title }) => title)
  assert.equal(titles.filter(title => title === 'The plan for spring').length, 1)
  await ada.context().close()
})

test('a message is sent once, although the answer was lost', async () => {
  const proxy = await desk.proxy()
  const ada = await desk.person('ada', '/sent', { address: proxy.address })
  const mei = await desk.person('mei')
  const form = await write(ada, { to: ['mei'], subject: 'Only once' })
  proxy.loseAnswers()
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  await rows(mei, 'Only once').first().waitFor()
  // It has arrived, but the sender does not know.
  await form.getByRole('button', { name: 'Sending…' }).waitFor()
  proxy.cut()
  await form.getByText('No connection. This goes out, once').waitFor()
  // Somebody loses patience in between.
  proxy.mend()
  await ada.reload()
  await ada.getByRole('dialog').waitFor({ state: 'hidden' })
  await ada.getByRole('link', { name: /Only once/ }).waitFor()
  const { viewer } = await desk.server.query(
    'mei',
    '{ viewer { inbox { items { nodes { title } } } } }',
  )
  const copies = viewer.inbox.items.nodes.filter(({ title }) => title === 'Only once')
  assert.equal(copies.length, 1)
  await ada.context().close()
  await mei.context().close()
})

test('a message that is planned can be changed, and cancelled', async () => {
  const ada = await desk.person('ada', '/sent')
  const form = await write(ada, { to: ['kwame'], subject: 'Good morning' })
  await form.getByRole('combobox', { name: 'Send' }).selectOption('tomorrow')
  await form.getByRole('button', { name: 'Send later' }).click()
  await form.waitFor({ state: 'hidden' })
  await ada.getByRole('link', { name: 'Planned' }).click()
  await ada.getByRole('link', { name: 'Good morning' }).click()
  await ada.getByText('This message is still to be sent').waitFor()
  await ada.getByRole('button', { name: 'Change', exact: true }).click()
  const change = ada.getByRole('dialog', { name: 'Planned message' })
  await change.getByLabel('Subject').fill('Good evening')
  await change.getByRole('button', { name: 'Save changes' }).click()
  await ada.getByRole('heading', { name: 'Good evening' }).waitFor()
  await ada.getByRole('button', { name: 'Cancel it' }).click()
  await ada.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click()
  await ada.getByText('Nothing planned').waitFor()
  const { plannedMessages } = await desk.server.query('ada', '{ plannedMessages { nodes { id } } }')
  assert.deepEqual(plannedMessages.nodes, [])
  await ada.context().close()
})

test('a sent message gets a reminder with its dates, and an expiry, later', async () => {
  const id = await desk.server.send('ada', 'kwame', 'Please read')
  // As her account's: where a clock is changed within the week, there may be a day more.
  const ada = await desk.person('ada', `/sent?item=${id}`, { timezoneId: 'UTC' })
  await ada.getByRole('button', { name: 'Change the expiry' }).click()
  const dialog = ada.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'Expires' }).selectOption('week')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await ada.getByRole('button', { name: 'Change the reminder' }).click()
  await dialog.getByRole('combobox', { name: 'Remind' }).selectOption('daily')
  await dialog.getByText('Reminders would go out on').waitFor()
  // A week of days: four by their dates, and how many more there are.
  await hasCount(dialog.locator('.app-schedule time'), 4)
  await dialog.getByText(/^and 3 more/).waitFor()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await ada.getByText(/Every day until they have read it; next/).waitFor()
  await ada.context().close()
})

test('the form opens without covering itself, leads to what is missing, and is sent by keys', async () => {
  const ada = await desk.person('ada', '/sent', { timezoneId: 'Europe/Berlin' })
  await ada.getByRole('button', { name: 'New message' }).click()
  const form = ada.getByRole('dialog', { name: 'New message' })
  const to = form.getByRole('combobox', { name: 'To' })
  await to.and(ada.locator(':focus')).waitFor()
  assert.equal(await form.getByRole('listbox').count(), 0)
  await ada.keyboard.press('ArrowDown')
  await form.getByRole('option', { name: 'mei', exact: true }).click()
  await form.getByRole('textbox', { name: 'Message' }).fill('The *end*.')
  await ada.keyboard.press('Control+Enter')
  // Nothing was sent, and what is to be written is written there.
  await form.getByText('A message needs a subject.').waitFor()
  await form.getByLabel('Subject').and(ada.locator(':focus')).waitFor()
  await ada.keyboard.type('By keys')
  // A moment keeps the name by which it was chosen.
  const expires = form.getByRole('combobox', { name: 'Expires' })
  await expires.selectOption('week')
  assert.equal(await expires.inputValue(), 'week')
  const exactly = form.getByLabel('Expires: At')
  await exactly.fill('2020-01-01T08:00')
  await form.getByRole('alert').getByText('This moment has passed.').waitFor()
  await exactly.and(form.locator('[aria-invalid=true]')).waitFor()
  await exactly.fill('2099-07-01T08:00')
  await hasValue(expires, 'custom')
  await form.getByText('Central European Summer Time').waitFor()
  await form.getByText('This moment has passed.').waitFor({ state: 'detached' })
  // The preview is as high as the field, so nothing moves.
  const place = () => expires.boundingBox()
  const before = await place()
  await form.getByRole('tab', { name: 'Preview' }).click()
  await form.locator('em', { hasText: 'end' }).waitFor()
  assert.ok(Math.abs((await place()).y - before.y) <= 2, 'what is below the preview stays')
  await ada.keyboard.press('Control+Enter')
  await form.waitFor({ state: 'hidden' })
  const { viewer } = await desk.server.query(
    'mei',
    '{ viewer { inbox { items(first: 1) { nodes { title } } } } }',
  )
  assert.equal(viewer.inbox.items.nodes[0].title, 'By keys')
  await ada.context().close()
})

test('what was sent is listed by whether all have read it', async () => {
  await desk.server.people('uwe', 'vito', 'wim')
  const id = await desk.server.send('uwe', 'vito', 'Read by Vito')
  await desk.server.send('uwe', ['vito', 'wim'], 'Wim has not')
  await desk.server.query(
    'vito',
    'mutation($rootId: ID!) { markThreadRead(input: { rootId: $rootId }) { affectedCount } }',
    { rootId: id },
  )
  const uwe = await desk.person('uwe', '/sent')
  const all = uwe.getByRole('link', { name: 'Read by Vito' })
  const waiting = uwe.getByRole('link', { name: 'Wim has not' })
  await all.waitFor()
  await uwe.getByRole('link', { name: 'Waiting for readers' }).click()
  await all.waitFor({ state: 'detached' })
  await waiting.click()
  // The list stays what it is when a message is opened, and in another tab.
  await uwe.getByRole('heading', { name: 'Wim has not' }).waitFor()
  await uwe.reload()
  await waiting.waitFor()
  assert.equal(await all.count(), 0)
  await uwe.getByRole('link', { name: 'Read by all' }).click()
  await all.waitFor()
  await waiting.waitFor({ state: 'detached' })
  await uwe.getByRole('searchbox').fill('wim')
  await uwe.getByText('Nothing has “wim”').waitFor()
  // Where the server looked only so far and found nothing, the page goes on by itself.
  await uwe.route('**/graphql', route => {
    const { query = '', variables } = route.request().postDataJSON() ?? {}
    if (!query.includes('query SentList') || variables.after) return route.continue()
    const pageInfo = { hasNextPage: true, endCursor: '7fffffffffffffff' }
    return route.fulfill({ json: { data: { sentMessages: { nodes: [], pageInfo } } } })
  })
  await uwe.getByRole('searchbox').fill('')
  await all.waitFor()
  await uwe.context().close()
})

test('an error of the server stands at the input that it names', async () => {
  desk.application.admins.add('margaret')
  const margaret = await desk.person('margaret', '/sent')
  const form = await write(margaret, { to: ['ada'], subject: 'Numbers' })
  await form.getByText('Options').click()
  await form.getByRole('textbox', { name: 'Link' }).fill('javascript:alert(1)')
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  const link = form.getByRole('textbox', { name: 'Link' })
  await until(
    () => link.getAttribute('aria-invalid'),
    value => value === 'true',
  )
  const says = await link.getAttribute('aria-describedby')
  assert.match(await form.locator(`[id="${says}"]`).innerText(), /url|link|http/i)
  // Nothing that was written is lost.
  await hasValue(form.getByLabel('Subject'), 'Numbers')
  await form.getByRole('button', { name: 'Discard draft' }).click()
  await margaret.getByRole('button', { name: 'Undo' }).waitFor()
  await margaret.context().close()
})
