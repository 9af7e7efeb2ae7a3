// The search of the inbox: what it may name, and how one comes back to it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, escape, hasCount, hasValue, until } from './support/desk.mjs'
import { announce, flood, titles } from './support/mail.mjs'
import { openTitle, pane, row, rowTitles } from './support/reader.mjs'

let desk
before(async () => (desk = await Desk.open()))
after(() => desk.end())

const close = page => page.context().close()
const search = page => page.getByRole('combobox', { name: /^(Search|Suchen)$/ })
const sidebar = page => page.getByRole('navigation', { name: /^(Views|Ansichten)$/ })
const option = (page, name) => page.getByRole('option', { name, exact: true })
const menu = page =>
  page.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' })
const shows = (page, ...titles) =>
  until(
    () => rowTitles(page),
    shown => shown.join() === titles.join(),
  )

test('a search names the list to search in', async () => {
  await desk.server.people('nils', 'olga')
  await flood(desk.server, 'nils', 'olga', 2, 'Plan')
  await announce(desk.server, { title: 'Plan for everybody', body: '' })
  const olga = await desk.person('olga')
  await row(olga, 'Plan 1').hover()
  await row(olga, 'Plan 1').getByRole('button', { name: 'Mark as read' }).click()
  await row(olga, 'Plan 1').and(olga.locator(':not([data-unread])')).waitFor()
  await olga.keyboard.press('/')
  await olga.keyboard.type('is:unread kind:message plan')
  await olga.getByRole('heading', { name: 'Messages Unread' }).waitFor()
  await shows(olga, 'Plan 0')
  // What was named is in the heading and in the address, and the words are still there.
  await hasValue(search(olga), 'plan')
  await olga.waitForURL(/view=unread&kind=MESSAGE&q=plan$/)
  // Somebody thinks between two words.
  await search(olga).fill('is:all plan ')
  await hasValue(search(olga), 'plan ')
  await search(olga).pressSequentially('1')
  await shows(olga, 'Plan 1')
  await search(olga).fill('is:nothing')
  await olga.getByText('Nothing found').waitFor()
  await close(olga)
})

test('from: offers people, and whoever is chosen is in the address, and all of the list is theirs', async () => {
  await desk.server.people('reni', 'remo', 'rita', 'sara')
  await flood(desk.server, 'reni', 'sara', 2, 'Plan')
  await desk.server.send('remo', 'sara', 'Plan of Remo')
  const sara = await desk.person('sara')
  await row(sara, 'Plan of Remo').waitFor()
  await sara.keyboard.press('/')
  // Those who have written are there without a letter, others by their names.
  await sara.keyboard.type('1')
  await shows(sara, 'Plan 1')
  await sara.keyboard.type(' from:')
  await option(sara, 'remo').waitFor()
  await option(sara, 'reni').waitFor()
  await sara.keyboard.type('r')
  await option(sara, 'rita').waitFor()
  await examine(sara, 'people for a search')
  await sara.keyboard.type('e')
  await option(sara, 'rita').waitFor({ state: 'detached' })
  const chosen = sara.locator('[aria-selected=true]')
  await sara.keyboard.press('ArrowDown')
  await option(sara, 'remo').and(chosen).waitFor()
  await sara.keyboard.press('ArrowUp')
  await option(sara, 'reni').and(chosen).waitFor()
  await sara.keyboard.press('Enter')
  await shows(sara, 'Plan 1')
  await hasValue(search(sara), '1')
  await sara.locator('.tidings-search-from').getByText('reni', { exact: true }).waitFor()
  await search(sara).fill('')
  await shows(sara, 'Plan 1', 'Plan 0')

  // What arrives is theirs, too, and the address brings the list back.
  await desk.server.send('remo', 'sara', 'Again Remo')
  await desk.server.send('reni', 'sara', 'Plan 2')
  await shows(sara, 'Plan 2', 'Plan 1', 'Plan 0')
  await sara.waitForURL(/\?from=usr_\w+$/)
  await sara.reload()
  await shows(sara, 'Plan 2', 'Plan 1', 'Plan 0')
  await sara.locator('.tidings-search-from').getByText('reni', { exact: true }).waitFor()
  await examine(sara, 'a list of what somebody has sent')
  await sara.getByRole('button', { name: 'Mark all as read' }).click()
  await until(
    () => titles(desk.server, 'sara', 'UNREAD'),
    unread => unread.join() === 'Again Remo,Plan of Remo',
  )
  await sara.getByRole('button', { name: 'From anybody' }).click()
  await row(sara, 'Again Remo').waitFor()

  // From what is open; and Backspace in the empty field lets everybody in again.
  await row(sara, 'Again Remo').click()
  await openTitle(sara, 'Again Remo').waitFor()
  await pane(sara).getByRole('button', { name: 'More' }).click()
  await sara.getByRole('menuitem', { name: 'Everything from remo' }).click()
  await shows(sara, 'Again Remo', 'Plan of Remo')
  await search(sara).press('Backspace')
  await row(sara, 'Plan 2').waitFor()

  await search(sara).fill('from:nobody')
  await sara.getByText('Nobody here is called “nobody”.').waitFor()
  await sara.goto(`${sara.base}/inbox?from=usr_999999`)
  await sara.getByText('There are no messages from them here.').waitFor()
  await sara.getByText('somebody unknown').waitFor()
  await examine(sara, 'a list of somebody who is not known')
  await close(sara)
})

/** A day of this browser's calendar, so many days from today. */
function day(days) {
  const at = new Date()
  at.setDate(at.getDate() + days)
  const two = number => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

test('after: and before: limit a list to a time, which is in the address and can be taken back', async () => {
  // The test may begin before midnight and end after it.
  const [yesterday, today, later] = [day(-1), day(0), day(2)]
  await desk.server.people('pia', 'quin')
  await flood(desk.server, 'pia', 'quin', 2, 'Plan')
  const quin = await desk.person('quin')
  await shows(quin, 'Plan 1', 'Plan 0')
  await quin.keyboard.press('/')
  await quin.keyboard.type(`after:${yesterday} before:${later} plan 1`)
  await shows(quin, 'Plan 1')
  await hasValue(search(quin), 'plan 1')
  await quin.waitForURL(url => url.search === `?q=plan+1&after=${yesterday}&before=${later}`)
  const head = quin.getByRole('region', { name: 'Items' })
  await head
    .getByText('Since')
    .filter({ hasText: yesterday.slice(0, 4) })
    .waitFor()
  await examine(quin, 'a list of a time')

  await search(quin).fill(`before:${today}`)
  await quin.getByText('Nothing here is from that time.').waitFor()
  // What arrives is of another time.
  await desk.server.send('pia', 'quin', 'Plan 2')
  await quin.locator('.tidings-toast', { hasText: 'Plan 2' }).waitFor()
  await quin.getByText('Nothing here is from that time.').waitFor()
  // One for each end of the time.
  const anyTime = head.getByRole('button', { name: 'At any time' })
  for (const left of [2, 1]) {
    await hasCount(anyTime, left)
    await anyTime.first().click()
  }
  await shows(quin, 'Plan 2', 'Plan 1', 'Plan 0')
  // A year is a day, too.
  await search(quin).fill(`before:${today.slice(0, 4)}`)
  await quin.getByText('Nothing here is from that time.').waitFor()
  await quin.getByRole('button', { name: 'Clear the search' }).last().click()
  await shows(quin, 'Plan 2', 'Plan 1', 'Plan 0')
  await close(quin)
})

test('the words that a search has found are marked, in the list and in what is open', async () => {
  await desk.server.people('resi', 'sepp')
  await desk.server.send('resi', 'sepp', 'Sperrung der STRASSE', {
    body: 'Die **Straße** ist zu, die Hauptstraße nicht.\n\n`strasse`',
  })
  await desk.server.send('resi', 'sepp', 'Something else')
  const sepp = await desk.person('sepp', '/inbox?q=strasse')
  const marked = () =>
    sepp.evaluate(() =>
      [...(CSS.highlights.get('tidings-found') ?? [])].map(range => range.toString()),
    )
  const areMarked = (...words) =>
    until(marked, found => found.sort().join() === [...words].sort().join())
  await areMarked('STRASSE', 'Straße', 'strasse')
  await row(sepp, 'Sperrung').click()
  await areMarked('STRASSE', 'Straße', 'strasse', 'STRASSE', 'Straße', 'strasse')
  await examine(sepp, 'words that were found')
  await search(sepp).fill('sperr')
  await areMarked('Sperr')
  await search(sepp).fill('')
  await areMarked()
  await close(sepp)
})

test('a saved search gets another name, and stays where it is', async () => {
  await desk.server.people('vera')
  const vera = await desk.person('vera', '/inbox?q=one')
  const save = async (choice, name) => {
    await menu(vera).click()
    await vera.getByRole('menuitem', { name: choice }).click()
    const dialog = vera.getByRole('dialog', { name: choice })
    await dialog.getByRole('textbox', { name: 'Name' }).fill(name)
    await vera.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
  }
  const names = () =>
    sidebar(vera).locator('.tidings-kinds > ul').last().locator('a').allInnerTexts()
  await save('Save this search', 'First')
  await search(vera).fill('two')
  await vera.waitForURL(/q=two/)
  await save('Save this search', 'Second')
  await sidebar(vera).getByRole('link', { name: 'First' }).click()
  await vera.waitForURL(/q=one/)
  await save('Rename the saved search', 'Renamed')
  await until(names, shown => shown.join() === 'Renamed,Second')
  await vera.reload()
  await until(names, shown => shown.join() === 'Renamed,Second')
  await close(vera)
})

test('a search is saved under a name, is there at the next visit, and is gone after signing out', async () => {
  await desk.server.people('theo', 'uli')
  await flood(desk.server, 'theo', 'uli', 2, 'Budget')
  await desk.server.send('theo', 'uli', 'Lunch')
  const uli = await desk.person('uli', '/inbox?q=budget')
  await shows(uli, 'Budget 1', 'Budget 0')
  await menu(uli).click()
  await uli.getByRole('menuitem', { name: 'Save this search' }).click()
  const dialog = uli.getByRole('dialog', { name: 'Save this search' })
  await hasValue(dialog.getByRole('textbox', { name: 'Name' }), 'budget')
  await examine(uli, 'naming a search')
  // The name has the focus, and what is typed takes its place.
  await uli.keyboard.type('Money')
  await uli.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })
  const money = sidebar(uli).getByRole('link', { name: 'Money' })
  await money.and(uli.locator('[aria-current=page]')).waitFor()
  await examine(uli, 'a saved search')

  await uli.goto(`${uli.base}/inbox`)
  await row(uli, 'Lunch').waitFor()
  await money.focus()
  await uli.keyboard.press('Enter')
  await shows(uli, 'Budget 1', 'Budget 0')
  await hasValue(search(uli), 'budget')
  // Nobody else sees it, and what was saved is removed where it was saved.
  const other = await uli.context().newPage()
  await other.goto(`${uli.base}/inbox`)
  await sidebar(other).getByRole('link', { name: 'Money' }).waitFor()
  await menu(uli).click()
  await uli.getByRole('menuitem', { name: 'Remove the saved search' }).click()
  await money.waitFor({ state: 'detached' })
  await sidebar(other).getByRole('link', { name: 'Money' }).waitFor({ state: 'detached' })
  await other.close()

  await menu(uli).click()
  await uli.getByRole('menuitem', { name: 'Save this search' }).click()
  await dialog.waitFor()
  await escape(dialog)
  assert.equal(await money.count(), 0)
  await menu(uli).click()
  await uli.getByRole('menuitem', { name: 'Save this search' }).click()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await sidebar(uli).getByRole('link', { name: 'budget' }).waitFor()
  await uli.getByRole('button', { name: /^Account/ }).click()
  await uli.getByRole('menuitem', { name: 'Sign out' }).click()
  await until(
    () => uli.evaluate(() => Object.keys(localStorage).filter(key => key.includes('searches'))),
    kept => kept.length === 0,
  )
  await close(uli)
})
