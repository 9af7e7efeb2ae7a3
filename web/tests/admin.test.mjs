// What admins see and do: the read report, announcements, campaigns, people.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { choose, Desk, hasCount, hasValue, until } from './support/desk.mjs'
import { announce } from './support/mail.mjs'

let desk
let margaret
before(async () => {
  desk = await Desk.open()
  desk.application.admins.add('margaret')
  await desk.server.people('ada', 'kwame', 'priya', 'emil')
  margaret = await desk.person('margaret', '/admin')
})
after(() => desk.end())

const read = (person, rootId) =>
  desk.server.query(
    person,
    'mutation($rootId: ID!) { markThreadRead(input: { rootId: $rootId }) { affectedCount } }',
    { rootId },
  )

test('the report lists all messages, by filters and orders that the address keeps, and as a file', async () => {
  const first = await desk.server.send('ada', ['kwame', 'priya'], 'Both of you')
  await desk.server.send('kwame', 'ada', 'Nobody reads this')
  await desk.server.send('priya', 'ada', '=cmd()')
  await read('kwame', first)
  await margaret.goto(`${margaret.base}/inbox`)
  await margaret.getByRole('link', { name: 'Admin', exact: true }).waitFor()
  await margaret.keyboard.type('gd')
  await margaret.waitForURL(/\/admin/)
  const rows = margaret.getByRole('table').getByRole('row')
  // The heading, a row for each address of the first message, and one for each of the others.
  await until(
    () => rows.count(),
    count => count === 5,
  )
  await choose(margaret.getByRole('combobox', { name: 'From' }), 'ada', 'ad')
  await until(
    () => rows.count(),
    count => count === 3,
  )
  await margaret.getByLabel('Order').selectOption('Highest rate first')
  await margaret.getByRole('row', { name: /Both of you.*kwame.*1 of 1 read/ }).waitFor()
  await until(
    () => rows.nth(1).innerText(),
    text => text.includes('kwame'),
  )
  await margaret.getByLabel('Read by at most').selectOption('50 %')
  // To kwame it has been read; the other address stays.
  await until(
    () => rows.count(),
    count => count === 2,
  )
  // Another tab with the same address has the same report.
  await margaret.reload()
  await margaret.getByRole('button', { name: 'Remove ada' }).waitFor()
  await margaret.getByRole('row', { name: /Both of you.*priya.*0 of 1 read/ }).waitFor()
  await hasCount(rows, 2)

  await margaret.getByRole('button', { name: 'Clear filters' }).click()
  await until(
    () => rows.count(),
    count => count === 5,
  )
  const [file] = await Promise.all([
    margaret.waitForEvent('download'),
    margaret.getByRole('button', { name: 'Download CSV' }).click(),
  ])
  assert.equal(file.suggestedFilename(), 'read-rate.csv')
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n')
  assert.equal(lines.length, 5)
  // A spreadsheet must not take a subject for a formula.
  assert.ok(!lines.some(line => line.split(',').some(cell => /^"?=cmd/.test(cell))))
})

test('an announcement is planned, changed, published and retracted, and its rate is live', async () => {
  await margaret.getByRole('link', { name: 'Announcements' }).click()
  await margaret.getByRole('button', { name: 'New announcement' }).click()
  const dialog = margaret.getByRole('dialog')
  await dialog.getByLabel('Title').fill('Holidays')
  await dialog.getByRole('textbox', { name: 'Message' }).fill('We are *closed*.')
  // Below the form it is as everybody will see it.
  const preview = dialog.getByRole('region', { name: 'In the inbox' })
  await preview.locator('.tidings-row-title', { hasText: 'Holidays' }).waitFor()
  await preview.locator('.tidings-row-preview', { hasText: 'We are closed.' }).waitFor()
  await preview.locator('em', { hasText: 'closed' }).waitFor()
  await dialog.getByRole('combobox', { name: 'Publish' }).selectOption('tomorrow')
  await dialog.getByRole('button', { name: 'Plan it' }).click()
  const card = margaret.getByRole('listitem').filter({ hasText: 'Holidays' })
  // Midnight may have passed since it was chosen.
  await card.getByText(/Comes out (tomorrow|today)/).waitFor()

  const ada = await desk.person('ada')
  await ada.getByRole('heading', { name: 'Inbox' }).waitFor()
  await card.getByRole('button', { name: 'Change announcement' }).click()
  await dialog.getByRole('combobox', { name: 'Publish' }).selectOption('none')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await card.getByText(/0 of \d read/).waitFor()
  await ada.getByRole('link', { name: 'Holidays' }).first().click()
  await card.getByText(/1 of \d read/).waitFor()

  await card.getByRole('button', { name: 'Retract' }).click()
  await dialog.getByRole('button', { name: 'Retract' }).click()
  await card.getByText(/^Retracted/).waitFor()
  await ada.getByText('no longer available').first().waitFor()
  await ada.context().close()
})

test('on a phone, the filters of the report are behind a button that counts them', async () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
  const page = await desk.person('margaret', '/admin?rate=0.5', phone)
  await page.getByRole('row').nth(1).waitFor()
  const rate = page.getByLabel('Read by at most')
  assert.equal(await rate.isVisible(), false)
  await page.getByRole('button', { name: 'Filters 1', exact: true }).tap()
  await rate.selectOption('')
  await page.getByLabel('Kind').selectOption('Replies')
  await page.getByRole('button', { name: 'Filters 1', exact: true }).tap()
  await rate.waitFor({ state: 'hidden' })
  await page.context().close()
})

test('days of the report are written as the language of the page writes them', async () => {
  for (const [locale, pattern, text, label, wrong] of [
    ['en-GB', 'dd/mm/yyyy', '24/11/2026', 'Sent from', /dd\/mm\/yyyy\.$/],
    ['de-DE', 'TT.MM.JJJJ', '24.11.2026', 'Gesendet ab', /TT\.MM\.JJJJ\.$/],
  ]) {
    const page = await desk.person('margaret', '/admin', { locale })
    const field = page.getByLabel(label, { exact: true })
    await page.getByPlaceholder(pattern).first().waitFor()
    await field.fill('31.2.2026')
    await field.blur()
    await page.getByText(wrong).waitFor()
    await field.fill(text)
    await page.waitForURL(/since=2026-11-24/)
    await page.getByText(wrong).waitFor({ state: 'detached' })
    await page.reload()
    await hasValue(field, text)
    await page.context().close()
  }
})

test('announcements are listed by their state, and found by their words', async () => {
  const inADay = new Date(Date.now() + 86_400_000).toISOString()
  await announce(desk.server, { title: 'Open day', body: '# Doors\n\nThey open at *nine*.' })
  await announce(desk.server, { title: 'Closed day', body: '', publishAt: inADay })
  await margaret.goto(`${margaret.base}/admin?tab=announcements`)
  const card = title => margaret.getByRole('listitem').filter({ hasText: title })
  // In a list, a text is its words.
  await card('Open day').getByText('Doors They open at nine.').waitFor()
  await margaret.getByRole('link', { name: 'Planned', exact: true }).click()
  await card('Open day').waitFor({ state: 'detached' })
  await card('Closed day').waitFor()
  await margaret.getByRole('link', { name: 'Published', exact: true }).click()
  await card('Open day').waitFor()
  await card('Closed day').waitFor({ state: 'detached' })
  await margaret.getByRole('link', { name: 'Ended', exact: true }).click()
  await card('Holidays').waitFor()
  await hasCount(card('Open day'), 0)
  await margaret.getByRole('searchbox').fill('nine')
  await margaret.getByText('No announcement fits').waitFor()
  await margaret.getByRole('link', { name: 'All', exact: true }).click()
  await card('Open day').waitFor()
  await hasCount(margaret.locator('.app-card'), 1)
})

test('a campaign shows who has not replied', async () => {
  await margaret.getByRole('button', { name: 'New message' }).click()
  const form = margaret.getByRole('dialog', { name: 'New message' })
  for (const name of ['emil', 'priya'])
    await choose(form.getByRole('combobox', { name: 'To' }), name)
  await form.getByLabel('Subject').fill('Do you still need your seat?')
  const deactivate = form.getByRole('checkbox', { name: /Deactivate those/ })
  await form.getByRole('combobox', { name: 'Remind' }).selectOption('daily')
  // It needs an expiry, and reminders until people have replied.
  assert.equal(await deactivate.isDisabled(), true)
  await form.getByRole('combobox', { name: 'until they have' }).selectOption('REPLIED')
  await form.getByRole('combobox', { name: 'Expires' }).selectOption('week')
  await deactivate.check()
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  await form.waitFor({ state: 'hidden' })

  const { viewer } = await desk.server.query(
    'priya',
    '{ viewer { inbox { items { nodes { title about { ... on Message { id } } } } } } }',
  )
  const item = viewer.inbox.items.nodes.find(({ title }) => title.startsWith('Do you still'))
  await desk.server.query(
    'priya',
    `mutation($id: ID!) {
      replyToMessage(input: { parentId: $id, body: "Yes, **please**" }) { message { id } }
    }`,
    { id: item.about.id },
  )

  await margaret.goto(`${margaret.base}/admin?tab=campaigns`)
  const card = margaret.getByRole('listitem').filter({ hasText: 'Do you still need' })
  await card.getByText('deactivates those who do not reply').waitFor()
  await card.getByText('1 of 2 replied').waitFor()
  await card.getByRole('link', { name: 'Who has not replied' }).click()
  const recipients = margaret.getByRole('tabpanel')
  await recipients.getByText('emil').waitFor()
  await hasCount(recipients.getByText('priya'), 0)
  await margaret.getByText('1 reply').waitFor()
  await margaret.locator('strong', { hasText: 'please' }).waitFor()
})

test('campaigns of everybody are listed, or only those that deactivate, with live rates', async () => {
  const gentle = await desk.server.send('ada', 'priya', 'A gentle question', {
    reminder: { frequency: 'daily', until: 'REPLIED' },
  })
  await margaret.goto(`${margaret.base}/admin?tab=campaigns`)
  const card = margaret.getByRole('listitem').filter({ hasText: 'A gentle question' })
  await card.getByText('0 of 1 read').waitFor()
  await read('priya', gentle)
  await card.getByText('1 of 1 read').waitFor()

  await margaret.getByRole('checkbox', { name: 'Only those that deactivate' }).check()
  await card.waitFor({ state: 'hidden' })
  // Another tab with the same address has the same list.
  await margaret.reload()
  await margaret.getByRole('link', { name: 'Do you still need your seat?' }).waitFor()
  await hasCount(card, 0)
})

test('somebody who is deactivated is told so at once, and comes back when they are reactivated', async () => {
  const kwame = await desk.person('kwame')
  await kwame.getByRole('heading', { name: 'Inbox' }).waitFor()
  await margaret.goto(`${margaret.base}/admin?tab=people`)
  await margaret.getByRole('searchbox').fill('kwa')
  await margaret.getByRole('link', { name: 'kwame' }).click()
  await margaret.getByRole('button', { name: 'Deactivate' }).click()
  const dialog = margaret.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('Has left the company')
  await dialog.getByRole('button', { name: 'Deactivate' }).click()
  await kwame.getByRole('heading', { name: 'Your account is deactivated' }).waitFor()
  await kwame.getByText('Your organisation has closed this account').waitFor()
  await hasCount(kwame.getByText('Has left the company'), 0)
  await margaret.getByText('Deactivated by the host application or an admin.').waitFor()
  await margaret.getByText('Reason: Has left the company').waitFor()
  // Those who are active, and those who are not.
  const people = margaret.getByRole('list', { name: 'People' })
  await margaret.getByRole('searchbox').fill('')
  await margaret.getByRole('link', { name: 'Deactivated', exact: true }).click()
  await hasCount(people.getByRole('link'), 1)
  await people.getByRole('link', { name: 'kwame' }).waitFor()
  await margaret.getByRole('link', { name: 'Active', exact: true }).click()
  await people.getByRole('link', { name: 'priya' }).waitFor()
  await hasCount(people.getByRole('link', { name: 'kwame' }), 0)
  await margaret.getByRole('button', { name: 'Reactivate' }).click()
  await margaret.getByRole('button', { name: 'Deactivate' }).waitFor()
  await kwame.getByRole('button', { name: 'Try again' }).click()
  await kwame.getByRole('heading', { name: 'Inbox' }).waitFor()
  await kwame.context().close()
})

test('erasing somebody needs their id, typed', async () => {
  await margaret.goto(`${margaret.base}/admin?tab=people`)
  await margaret.getByRole('link', { name: 'emil' }).click()
  await margaret.getByRole('button', { name: 'Erase…' }).click()
  const dialog = margaret.getByRole('dialog')
  const erase = dialog.getByRole('button', { name: 'Erase for good' })
  await dialog.getByLabel('Type emil to confirm').fill('Emil')
  assert.equal(await erase.isDisabled(), true)
  await dialog.getByLabel('Type emil to confirm').fill('emil')
  await erase.click()
  await dialog.waitFor({ state: 'hidden' })
  await margaret.getByRole('heading', { name: 'Somebody who left' }).waitFor()
  const { users } = await desk.server.query(
    'margaret',
    '{ users { nodes { externalId } } }',
    {},
    'admin',
  )
  assert.ok(!users.nodes.some(({ externalId }) => externalId === 'emil'))
})

test('people who are not admins are told that these pages are not for them', async () => {
  const ada = await desk.person('ada', '/admin')
  await ada.getByRole('heading', { name: 'This page is for admins' }).waitFor()
  assert.equal(await ada.getByRole('link', { name: 'Admin' }).count(), 0)
})
