// Reading an inbox: live, offline, in two tabs.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Desk, hasValue, until } from './support/desk.mjs'
import { announce, comment, flood, titles } from './support/mail.mjs'
import { openTitle, pane, row, rowLink, rowTitles } from './support/reader.mjs'

/** How long somebody is without a network. */
const OFFLINE_MS = 10_000

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('ines', 'noah', 'lena', 'omar', 'hugo', 'vera', 'mila', 'sven')
})
after(() => desk.end())

const close = page => page.context().close()

test('a reply that somebody writes appears in the open thread of the other', async () => {
  await desk.server.send('ines', 'noah', 'Who has the key?')
  const noah = await desk.person('noah')
  await row(noah, 'Who has the key?').click()
  await openTitle(noah, 'Who has the key?').waitFor()
  // Opening it is reading it.
  await row(noah, 'Who has the key?').and(noah.locator(':not([data-unread])')).waitFor()

  const { viewer } = await desk.server.query(
    'noah',
    '{ viewer { inbox { items(first: 1) { nodes { about { ... on Message { id } } } } } } }',
  )
  const parentId = viewer.inbox.items.nodes[0].about.id
  await desk.server.query(
    'ines',
    'mutation ($input: ReplyToMessageInput!) { replyToMessage(input: $input) { message { id } } }',
    { input: { parentId, body: 'Found it, *thanks*.' } },
  )
  await pane(noah).locator('.tidings-markdown em', { hasText: 'thanks' }).waitFor()

  // And back: as Markdown, with a preview.
  await noah.keyboard.press('r')
  await noah.keyboard.type('Where **was** it?')
  await noah.getByRole('tab', { name: 'Preview' }).click()
  await pane(noah).locator('.tidings-reply strong', { hasText: 'was' }).waitFor()
  await noah.getByRole('button', { name: 'Send', exact: true }).click()
  await pane(noah).locator('.tidings-message strong', { hasText: 'was' }).waitFor()
  assert.equal((await titles(desk.server, 'ines'))[0], 'Re: Who has the key?')
  await close(noah)
})

test('what is typed after the key for a reply is in the reply, though its thread is still loading', async () => {
  await desk.server.send('ines', 'sven', 'Lunch?')
  const sven = await desk.person('sven')
  let loads
  const loading = new Promise(resolve => (loads = resolve))
  await sven.route('**/graphql', route =>
    route.request().postData()?.includes('Thread(') ? loads(route) : route.fallback(),
  )
  await row(sven, 'Lunch?').click()
  const thread = await loading
  await openTitle(sven, 'Lunch?').waitFor()
  await sven.keyboard.press('r')
  await sven.keyboard.type('Here, at one')
  await thread.continue()
  await pane(sven).locator('.tidings-message').waitFor()
  const reply = sven.getByRole('textbox', { name: 'Reply to ines' })
  await hasValue(reply, 'Here, at one')
  await sven.getByRole('button', { name: 'Send', exact: true }).click()
  await pane(sven).locator('.tidings-message', { hasText: 'Here, at one' }).waitFor()
  await close(sven)
})

test('after the server was killed and started, nothing is lost and nothing is there twice', async () => {
  await flood(desk.server, 'ines', 'lena', 3, 'Before')
  const lena = await desk.person('lena')
  await row(lena, 'Before 2').waitFor()
  await desk.server.kill()
  await desk.server.up()
  await flood(desk.server, 'ines', 'lena', 3, 'After')
  const expected = await titles(desk.server, 'lena')
  assert.equal(expected.length, 6)
  await until(
    () => rowTitles(lena),
    shown => JSON.stringify(shown) === JSON.stringify(expected),
  )
  await close(lena)
})

test('a resync keeps the draft, the selection and what is open, and makes no toasts of what is old', async () => {
  await flood(desk.server, 'ines', 'hugo', 5, 'Plan')
  const hugo = await desk.person('hugo')
  await row(hugo, 'Plan 4').click()
  await openTitle(hugo, 'Plan 4').waitFor()
  await hugo.keyboard.press('r')
  await hugo.keyboard.type('Half a thought')
  await row(hugo, 'Plan 1').getByRole('checkbox').check({ force: true })

  await desk.server.kill()
  await desk.server.run('new-epoch')
  await desk.server.up()
  await desk.server.send('ines', 'hugo', 'After all')
  await row(hugo, 'After all').waitFor()
  const reply = hugo.getByRole('textbox', { name: 'Reply to ines' })
  await hasValue(reply, 'Half a thought')
  await hugo.getByText('1 selected').waitFor()
  await openTitle(hugo, 'Plan 4').waitFor()
  assert.equal(await hugo.locator('.tidings-toast', { hasText: 'Plan' }).count(), 0)
  // The draft survives the page, too.
  await hugo.reload()
  await hasValue(reply, 'Half a thought')
  await close(hugo)
})

test('when a token expires on an open page, a fresh one is fetched without a flash', async () => {
  // Long enough to be used in time on a slow machine, too.
  desk.application.seconds = 6
  const vera = await desk.person('vera')
  await vera.getByText('All caught up').waitFor()
  await vera.evaluate(() => {
    window.flashes = []
    const look = () => {
      if (!document.querySelector('.tidings-inbox .tidings-column')) window.flashes.push('gone')
      if (/signed out/i.test(document.body.innerText)) window.flashes.push('signed out')
    }
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true })
  })
  const given = desk.application.given
  await until(
    () => desk.application.given,
    now => now > given,
  )
  desk.application.seconds = 3600
  await desk.server.send('ines', 'vera', 'Still there?')
  await row(vera, 'Still there?').waitFor()
  assert.deepEqual(await vera.evaluate(() => window.flashes), [])
  await close(vera)
})

// The ten seconds of the one are spent on the other.
describe('at the same time', { concurrency: true }, () => {
  test('marks made without a network are kept, shown as waiting, and sent with the next connection', async () => {
    await flood(desk.server, 'ines', 'omar', 4, 'Note')
    const proxy = await desk.proxy()
    const omar = await desk.person('omar', '/inbox', { address: proxy.address })
    await row(omar, 'Note 3').waitFor()
    proxy.cut()
    const cutAt = Date.now()
    await omar.getByText('You are offline.').first().waitFor()
    await rowLink(omar, 'Note 3').focus()
    await omar.keyboard.press('e')
    await row(omar, 'Note 3').waitFor({ state: 'detached' })
    await omar.keyboard.press('Shift+I')
    await row(omar, 'Note 2').getByText('Waiting to be sent').waitFor({ state: 'attached' })
    await omar.getByText(/\d changes waiting to be sent\./).waitFor()
    // It tries again and again, after longer and longer, and says the same at the end.
    await until(
      () => ({ passed: Date.now() - cutAt, tried: proxy.refused }),
      ({ passed, tried }) => passed >= OFFLINE_MS && tried >= 2,
    )
    await omar.getByText('You are offline.').first().waitFor()
    await row(omar, 'Note 2').getByText('Waiting to be sent').waitFor({ state: 'attached' })
    assert.equal((await titles(desk.server, 'omar')).length, 4, 'the server knows nothing yet')

    // That is said for a few seconds, so the look begins before it.
    const said = omar.getByText('Connected again.').first().waitFor()
    proxy.mend()
    await said
    await row(omar, 'Note 2').getByText('Waiting to be sent').waitFor({ state: 'detached' })
    await until(
      () => titles(desk.server, 'omar'),
      there => there.join() === 'Note 2,Note 1,Note 0',
    )
    await until(
      () => titles(desk.server, 'omar', 'UNREAD'),
      unread => unread.join() === 'Note 1,Note 0',
    )
    await close(omar)
  })

  test('two tabs have one socket, and what is read in one is read in the other', async () => {
    await flood(desk.server, 'ines', 'mila', 2, 'Shared')
    const first = await desk.person('mila')
    const sockets = []
    first.context().on('page', page => page.on('websocket', socket => sockets.push(socket.url())))
    await row(first, 'Shared 1').waitFor()
    const second = await first.context().newPage()
    await second.goto(`${first.base}/inbox`)
    await row(second, 'Shared 1').and(second.locator('[data-unread]')).waitFor()
    await rowLink(second, 'Shared 1').focus()
    await second.keyboard.press('Shift+I')
    await row(first, 'Shared 1').and(first.locator(':not([data-unread])')).waitFor()
    // And what arrives, arrives in both.
    await desk.server.send('ines', 'mila', 'For both')
    await row(first, 'For both').waitFor()
    await row(second, 'For both').waitFor()
    assert.deepEqual(sockets, [])
    // When the first is closed, the second goes on.
    await first.close()
    await desk.server.send('ines', 'mila', 'For the second')
    await row(second, 'For the second').waitFor()
    await close(second)
  })
})

test('an announcement and activities say who, why, and how to hear less', async () => {
  await desk.server.people('sami', 'rosa')
  await comment(desk.server, {
    follower: 'sami',
    actors: ['ines', 'rosa'],
    post: 'Ten minutes',
    preview: 'Is that enough?',
  })
  await announce(desk.server, { title: 'Cake at four', body: 'In the **kitchen**.' })
  const sami = await desk.person('sami')
  await row(sami, 'Cake at four').click()
  await pane(sami).locator('strong', { hasText: 'kitchen' }).waitFor()
  await row(sami, 'Ten minutes').click()
  await pane(sami).getByText('Is that enough?').first().waitFor()
  await pane(sami).getByText('rosa').first().waitFor()
  await pane(sami).getByRole('button', { name: 'Why did I get this?' }).click()
  const why = sami.getByRole('dialog', { name: 'Why did I get this?' })
  await until(
    () => why.getByRole('listitem').count(),
    count => count >= 5,
  )
  await why.getByText('Somebody else did it').waitFor()
  await sami.keyboard.press('Escape')
  await pane(sami).getByRole('button', { name: 'Unfollow' }).click()
  // Under the pointer, it stays.
  const notice = sami.locator('.tidings-toast').filter({ hasText: 'You no longer follow' })
  await notice.hover()
  const { viewer } = await desk.server.query(
    'sami',
    '{ viewer { subscriptions { nodes { id } } } }',
  )
  assert.deepEqual(viewer.subscriptions.nodes, [])
  await notice.getByRole('button', { name: 'Undo' }).click()
  await until(
    () => desk.server.query('sami', '{ viewer { subscriptions { nodes { reasons } } } }'),
    ({ viewer }) => viewer.subscriptions.nodes[0]?.reasons.join() === 'create_post',
  )
  // The same in the preferences.
  await sami.getByRole('button', { name: 'More' }).first().click()
  await sami.getByRole('menuitem', { name: 'Preferences' }).click()
  await sami.getByRole('switch', { name: /comment/i }).uncheck()
  await sami.getByText('Saved').waitFor()
  await sami.getByRole('button', { name: 'Unfollow: Ten minutes' }).click()
  await sami.getByRole('button', { name: 'Follow again: Ten minutes' }).waitFor()
  await close(sami)
})

test('what is retracted while it is open says so', async () => {
  await desk.server.people('otto')
  const { createAnnouncement } = await announce(desk.server, { title: 'Oh', body: 'No.' })
  const otto = await desk.person('otto')
  await row(otto, 'Oh').click()
  await openTitle(otto, 'Oh').waitFor()
  await desk.server.query(
    'the-host',
    `mutation ($id: ID!) {
      retractAnnouncement(input: { announcementId: $id }) { announcement { id } }
    }`,
    { id: createAnnouncement.announcement.id },
    'admin',
  )
  await pane(otto).getByText('This is no longer available').waitFor()
  await close(otto)
})

test('what somebody comments is plain words in the list, and as it was written in its pane', async () => {
  await desk.server.people('pia', 'quin')
  await comment(desk.server, {
    follower: 'pia',
    actors: ['quin'],
    post: 'The roof',
    preview: '**Mind** the `gap`, ~~not~~ now',
  })
  const pia = await desk.person('pia')
  await row(pia, 'The roof').getByText('Mind the gap, not now', { exact: true }).waitFor()
  await row(pia, 'The roof').click()
  await pane(pia).locator('code', { hasText: 'gap' }).waitFor()
  assert.equal(await pane(pia).getByText('**').count(), 0)
  await close(pia)
})
