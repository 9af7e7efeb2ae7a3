// What a page shows while something is loading, missing, refused or cut off: axe finds nothing
// there either, in light and dark. The other screens are in looks.test.mjs and screens.test.mjs.

import { after, before, test } from 'node:test'
import { Answers } from './support/answers.mjs'
import { examine } from './support/axe.mjs'
import { Desk } from './support/desk.mjs'
import { announce, comment, flood } from './support/mail.mjs'
import { openTitle, pane, row, rowLink } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  const { server } = desk
  desk.application.admins.add('marta')
  await server.people('alma', 'berta', 'dario', 'elif', 'felix', 'gerd', 'marta')
})
after(() => desk.end())

const close = page => page.context().close()
const sidebar = page => page.getByRole('navigation', { name: 'Views' })
const view = (page, name) => sidebar(page).getByRole('link', { name }).click()

/** Examines something that goes by itself, which it does not under the pointer. */
async function examineToasts(page, state, texts) {
  const toast = text => page.locator('.tidings-toast').filter({ hasText: text })
  await toast(texts[0]).hover()
  for (const text of texts) await toast(text).waitFor()
  await examine(page, state)
  for (const text of texts) await toast(text).waitFor()
}

test('axe finds nothing in toasts: of what arrives, of what can be undone, of what was refused', async () => {
  await flood(desk.server, 'berta', 'alma', 3, 'Letter')
  const alma = await desk.person('alma')
  await row(alma, 'Letter 2').waitFor()
  // In another view, nothing that arrives is in sight.
  await view(alma, 'Archived')
  await alma.getByText('Nothing archived').waitFor()
  await desk.server.send('berta', 'alma', 'A first')
  await desk.server.send('berta', 'alma', 'A second')
  await examineToasts(alma, 'toasts of arrivals', ['A first', 'A second'])
  await alma.mouse.move(0, 0)

  await view(alma, /^Inbox/)
  await rowLink(alma, 'Letter 2').focus()
  await alma.keyboard.press('e')
  await examineToasts(alma, 'a toast with undo', ['Archived', 'Undo'])
  await alma.mouse.move(0, 0)

  const answers = await Answers.of(alma)
  answers.refuse('MarkRead')
  await rowLink(alma, 'Letter 1').focus()
  await alma.keyboard.press('Shift+I')
  await examineToasts(alma, 'a refusal', ['That was not possible.', 'The cellar is flooded.'])
  await close(alma)
})

test('axe finds nothing while something is loading', async () => {
  await desk.server.send('berta', 'dario', 'Slow letter')
  await announce(desk.server, { title: 'Slow news', body: 'News.' })
  await comment(desk.server, { follower: 'dario', actors: ['berta'], post: 'Slow post' })
  const dario = await desk.person('dario')
  await row(dario, 'Slow letter').waitFor()
  const answers = await Answers.of(dario)
  const skeletons = place => place.locator('.tidings-skeleton').first().waitFor()

  // The first page, of somebody of whom nothing is kept.
  const elif = await desk.person('elif', '/sent')
  const ofElif = await Answers.of(elif)
  const start = ofElif.hold('InboxPage')
  await elif.getByRole('link', { name: 'Inbox', exact: true }).click()
  await skeletons(elif.getByRole('region', { name: 'Items' }))
  await examine(elif, 'the list, loading')
  await start()
  await row(elif, 'Slow news').waitFor()
  await close(elif)

  for (const [operation, title, text] of [
    ['Thread', 'Slow letter', 'About Slow letter.'],
    ['AnnouncementBody', 'Slow news', 'News.'],
    ['Activities', 'Slow post', 'What about this?'],
  ]) {
    const release = answers.hold(operation)
    await row(dario, title).click()
    await openTitle(dario, title).waitFor()
    await skeletons(pane(dario))
    await examine(dario, `${title}, loading`)
    await release()
    await pane(dario).getByText(text).first().waitFor()
  }
  const explain = answers.hold('Explain')
  await pane(dario).getByRole('button', { name: 'Why did I get this?' }).click()
  await skeletons(dario.getByRole('dialog'))
  await examine(dario, 'why, loading')
  await explain()
  await dario.getByRole('dialog').getByRole('listitem').first().waitFor()
  await dario.keyboard.press('Escape')

  const preferences = answers.hold('Preferences')
  await dario.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' }).click()
  await dario.getByRole('menuitem', { name: 'Preferences' }).click()
  await skeletons(pane(dario))
  await examine(dario, 'the preferences, loading')
  await preferences()
  await dario.getByRole('switch', { name: 'Comments' }).waitFor()
  await close(dario)

  const marta = await desk.person('marta', '/admin')
  const ofMarta = await Answers.of(marta)
  for (const [operation, name, address] of [
    ['SentList', 'what was sent', '/sent'],
    ['ReadReport', 'the report', '/admin'],
  ]) {
    const release = ofMarta.hold(operation)
    await marta.goto(marta.base + address)
    await skeletons(marta)
    await examine(marta, `${name}, loading`)
    await release()
    await marta.locator('.tidings-skeleton').first().waitFor({ state: 'detached' })
  }
  await close(marta)
})

test('axe finds nothing where something could not be loaded', async () => {
  await desk.server.send('berta', 'felix', 'Broken letter')
  await announce(desk.server, { title: 'Broken news', body: 'News.' })
  await comment(desk.server, { follower: 'felix', actors: ['berta'], post: 'Broken post' })
  const felix = await desk.person('felix')
  await row(felix, 'Broken letter').waitFor()
  const answers = await Answers.of(felix)
  const failed = place => place.getByRole('alert').getByText('The cellar is flooded.').first()

  const page = answers.refuse('InboxPage')
  await view(felix, 'Snoozed')
  await failed(felix).waitFor()
  await examine(felix, 'a list that failed')
  page()
  await felix.getByRole('button', { name: 'Try again' }).click()
  await felix.getByText('Nothing snoozed').waitFor()

  await view(felix, /^Inbox/)
  for (const [operation, title] of [
    ['Thread', 'Broken letter'],
    ['AnnouncementBody', 'Broken news'],
    ['Activities', 'Broken post'],
  ]) {
    const mend = answers.refuse(operation)
    await row(felix, title).click()
    await failed(pane(felix)).waitFor()
    await examine(felix, `${title}, which failed`)
    mend()
    await pane(felix).getByRole('button', { name: 'Try again' }).click()
    await failed(pane(felix)).waitFor({ state: 'detached' })
  }
  answers.refuse('Explain')
  await pane(felix).getByRole('button', { name: 'Why did I get this?' }).click()
  await failed(felix.getByRole('dialog')).waitFor()
  await examine(felix, 'why, which failed')
  await felix.keyboard.press('Escape')
  answers.refuse('Preferences')
  answers.refuse('Following')
  await felix.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' }).click()
  await felix.getByRole('menuitem', { name: 'Preferences' }).click()
  await failed(pane(felix)).waitFor()
  await examine(felix, 'the preferences, which failed')
  await close(felix)

  const marta = await desk.person('marta', '/admin')
  const ofMarta = await Answers.of(marta)
  for (const [operation, name, address] of [
    ['SentList', 'what was sent', '/sent'],
    ['SentMessage', 'a message', '/sent?item=nothing'],
    ['ReadReport', 'the report', '/admin'],
  ]) {
    ofMarta.refuse(operation)
    await marta.goto(marta.base + address)
    await failed(marta).waitFor()
    await examine(marta, `${name}, which failed`)
  }
  await close(marta)
})

test('axe finds nothing without a network, and when there is one again', async () => {
  await flood(desk.server, 'berta', 'gerd', 3, 'Note')
  const proxy = await desk.proxy()
  const gerd = await desk.person('gerd', '/inbox', { address: proxy.address })
  await row(gerd, 'Note 2').waitFor()
  proxy.cut()
  await gerd.getByText('You are offline.').first().waitFor()
  await rowLink(gerd, 'Note 2').focus()
  await gerd.keyboard.press('Shift+I')
  await gerd.getByText(/\d changes? waiting to be sent\./).waitFor()
  await examine(gerd, 'offline')
  await gerd.getByRole('button', { name: /^Inbox, / }).click()
  await gerd.getByRole('dialog', { name: 'Inbox' }).getByText('You are offline.').waitFor()
  await examine(gerd, 'the popover, offline')
  await gerd.keyboard.press('Escape')

  // What is said for four seconds stays until it has been looked at.
  await gerd.evaluate(() => {
    const { setTimeout } = window
    window.setTimeout = (callback, wait, ...rest) =>
      setTimeout(callback, wait === 4000 ? 2 ** 31 - 1 : wait, ...rest)
  })
  proxy.mend()
  const again = gerd.locator('.tidings-banner').getByText('Connected again.')
  await again.waitFor()
  await examine(gerd, 'connected again')
  await again.waitFor()
  await close(gerd)
})

test('axe finds nothing in the banner of a window that has no socket of its own', async () => {
  const small = await Desk.open({ file: '[limits]\nsockets_per_user = 1\n' })
  try {
    await small.server.people('ida', 'jan')
    const first = await small.person('ida')
    await small.server.send('jan', 'ida', 'It is live')
    await row(first, 'It is live').waitFor()
    const second = await small.person('ida')
    await row(second, 'It is live').waitFor()
    const banner = second.locator('.tidings-banner').getByText('Too many windows are open.')
    await banner.waitFor()
    await examine(second, 'too many windows')
    await banner.waitFor()
  } finally {
    await small.end()
  }
})

test('axe finds nothing where there is nothing', async () => {
  const server = desk.server
  await server.people('hana')
  const hana = await desk.person('hana')
  for (const [name, text] of [
    [/^Inbox/, 'All caught up'],
    [/^Messages/, 'Nothing of this kind is here.'],
  ]) {
    await view(hana, name)
    await hana.getByText(text).first().waitFor()
    await examine(hana, text)
  }
  await hana.getByRole('button', { name: /^Inbox, / }).click()
  await hana.getByRole('dialog', { name: 'Inbox' }).getByText('All caught up').waitFor()
  await examine(hana, 'the popover, empty')
  await hana.keyboard.press('Escape')
  await view(hana, /^Inbox/)
  const { createAnnouncement } = await announce(server, { title: 'Oh', body: 'No.' })
  await row(hana, 'Oh').click()
  await openTitle(hana, 'Oh').waitFor()
  await server.query(
    'the-host',
    `mutation ($id: ID!) {
      retractAnnouncement(input: { announcementId: $id }) { announcement { id } }
    }`,
    { id: createAnnouncement.announcement.id },
    'admin',
  )
  await pane(hana).getByText('This is no longer available').waitFor()
  await examine(hana, 'no longer available')
  for (const [address, text] of [
    ['/sent', 'Nothing sent yet'],
    ['/sent?view=planned', 'Nothing planned'],
    ['/sent?q=words', 'Nothing has “words”'],
  ]) {
    await hana.goto(hana.base + address)
    await hana.locator('.tidings-empty').getByText(text).first().waitFor()
    await examine(hana, `${address}, empty`)
  }
  await server.query(
    'the-host',
    'mutation { deactivateUser(input: { user: { externalId: "hana" } }) { user { id } } }',
    {},
    'admin',
  )
  await hana.getByRole('heading', { name: /deactivated/ }).waitFor()
  await examine(hana, 'deactivated while it is open')
  await close(hana)
})
