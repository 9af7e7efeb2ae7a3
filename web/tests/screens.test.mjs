// The sender's and the admin's screens for everybody: axe finds nothing, by keyboard alone they can
// be used, nothing is wider than a phone. SCREENSHOTS, if it is set, is a directory for pictures.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, escape, hasValue } from './support/desk.mjs'
import { fits } from './support/reader.mjs'

let desk
let id
before(async () => {
  desk = await Desk.open()
  const { server } = desk
  desk.application.admins.add('maria')
  await server.people('sara', 'theo', 'ulla', 'zita')
  id = await server.send('sara', ['theo', 'ulla', 'zita'], 'Keys of the new building', {
    body: 'They are **at the desk**.\n\n- front\n- back',
  })
  await server.query(
    'theo',
    `mutation($id: ID!) {
      markThreadRead(input: { rootId: $id }) { affectedCount }
      replyToMessage(input: { parentId: $id, body: "Got *mine*" }) { message { id } }
    }`,
    { id },
  )
  const sendAt = new Date(Date.now() + 86_400_000).toISOString()
  await server.send('sara', 'ulla', 'For tomorrow', { sendAt })
  await server.query(
    'maria',
    `mutation { createAnnouncement(input: { title: "Fire drill", body: "At *ten*." }) {
      announcement { id }
    } }`,
    {},
    'admin',
  )
  await server.query(
    'maria',
    'mutation { deactivateUser(input: { user: { externalId: "zita" } }) { user { id } } }',
    {},
    'admin',
  )
})
after(() => desk.end())

async function picture(page, name) {
  const { SCREENSHOTS } = process.env
  if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` })
}

test('axe finds nothing on the screens of a sender, light and dark', async () => {
  const sara = await desk.person('sara', '/sent')
  await sara.getByRole('link', { name: /Keys of the new building/ }).waitFor()
  await examine(sara, 'what was sent')
  await sara.getByRole('link', { name: /Keys of the new building/ }).click()
  await sara.getByRole('img', { name: /1 of 3 people/ }).waitFor()
  await sara.locator('em', { hasText: 'mine' }).waitFor()
  await examine(sara, 'a message')
  await sara.getByText('As a table').click()
  await sara.getByRole('tab', { name: 'Not replied' }).click()
  await sara.getByRole('tabpanel').getByText('ulla').waitFor()
  await examine(sara, 'a message with its table')
  for (const name of ['Change the expiry', 'Change the reminder']) {
    await sara.getByRole('button', { name }).click()
    await sara.getByRole('dialog').waitFor()
    await examine(sara, name)
    await escape(sara.getByRole('dialog'))
  }
  await sara.getByRole('link', { name: 'Planned' }).click()
  await sara.getByRole('link', { name: /For tomorrow/ }).click()
  await sara.getByText('This message is still to be sent').waitFor()
  await examine(sara, 'a planned message')
  await sara.getByRole('button', { name: 'Cancel it' }).click()
  await sara.getByRole('dialog').waitFor()
  await examine(sara, 'the question before cancelling')
  await escape(sara.getByRole('dialog'))

  await sara.getByRole('button', { name: 'New message' }).click()
  const form = sara.getByRole('dialog', { name: 'New message' })
  await form.getByRole('combobox', { name: 'To' }).click()
  await form.getByRole('option', { name: 'theo' }).waitFor()
  await examine(sara, 'choosing people')
  await form.getByRole('option', { name: 'theo' }).click()
  await form.getByRole('button', { name: 'Send', exact: true }).click()
  await form.getByText('A message needs a subject.').waitFor()
  await form.getByRole('combobox', { name: 'Remind' }).selectOption('weekly')
  await form.getByText('Reminders would go out on').waitFor()
  await examine(sara, 'a message with an error and a reminder')
  await escape(form)
  await sara.getByRole('button', { name: 'Account of' }).click()
  await sara.getByRole('menuitem', { name: 'Sign out' }).waitFor()
  await examine(sara, 'the menu of the account')
  await sara.context().close()
})

test('axe finds nothing on the screens of an admin, light and dark', async () => {
  const maria = await desk.person('maria', '/admin')
  await maria
    .getByRole('row', { name: /Keys of the new building/ })
    .first()
    .waitFor()
  await examine(maria, 'the report')
  await maria.getByLabel('Read by at most').selectOption('0 %')
  await maria.getByRole('combobox', { name: 'To' }).fill('nobody')
  await maria.getByText('Nobody is called').waitFor()
  await examine(maria, 'the report with filters')
  await maria.getByRole('link', { name: 'Announcements' }).click()
  await maria.getByText('Fire drill').waitFor()
  await examine(maria, 'announcements')
  await maria.getByRole('button', { name: 'New announcement' }).click()
  await maria.getByRole('button', { name: 'Add a button' }).click()
  await examine(maria, 'a new announcement')
  await maria.keyboard.press('Escape')
  await maria.getByRole('link', { name: 'Campaigns' }).click()
  await maria.getByText('No campaign').waitFor()
  await examine(maria, 'campaigns')
  await maria.getByRole('link', { name: 'People' }).click()
  await maria.getByRole('link', { name: 'zita' }).click()
  await maria.getByText('Deactivated by the host application or an admin.').waitFor()
  await examine(maria, 'a person')
  await maria.getByRole('button', { name: 'Erase…' }).click()
  await maria.getByLabel('Type zita to confirm').waitFor()
  await examine(maria, 'erasing a person')
  await maria.context().close()
})

test('axe finds nothing before anybody is signed in, and where somebody is shut out', async () => {
  const nobody = await desk.person(undefined)
  await nobody.getByRole('heading', { name: 'You are not signed in' }).waitFor()
  await examine(nobody, 'not signed in')
  await nobody.context().close()
  const zita = await desk.person('zita')
  await zita.getByRole('heading', { name: 'Your account is deactivated' }).waitFor()
  await examine(zita, 'deactivated')
  await zita.context().close()
})

test('a message is written and sent by keyboard alone', async () => {
  const sara = await desk.person('sara', '/sent')
  await sara.getByRole('link', { name: /Keys of the new building/ }).waitFor()
  await sara.keyboard.press('c')
  const form = sara.getByRole('dialog', { name: 'New message' })
  await form.getByRole('combobox', { name: 'To' }).and(sara.locator(':focus')).waitFor()
  await sara.keyboard.type('ul')
  await form.getByRole('option', { name: 'ulla', selected: true }).waitFor()
  await sara.keyboard.press('Enter')
  await form.getByRole('button', { name: 'Remove ulla' }).waitFor()
  await sara.keyboard.press('Tab')
  await sara.keyboard.type('By keys')
  // The draft is kept when the form is closed, and the focus is where it was.
  await sara.keyboard.press('Escape')
  await form.waitFor({ state: 'hidden' })
  await sara.keyboard.press('c')
  await hasValue(form.getByLabel('Subject'), 'By keys')
  const send = form.getByRole('button', { name: 'Send', exact: true })
  for (let presses = 0; presses < 20; presses++) {
    if (await send.evaluate(button => button === document.activeElement)) break
    await sara.keyboard.press('Tab')
  }
  await sara.keyboard.press('Enter')
  await form.waitFor({ state: 'hidden' })
  await sara.getByRole('link', { name: /By keys/ }).waitFor()
  await sara.keyboard.type('gi')
  await sara.getByRole('heading', { name: 'Inbox' }).waitFor()
  await sara.context().close()
})

test('on a phone of 360 px, in German, nothing is wider than the screen', async () => {
  const phone = { viewport: { width: 360, height: 740 }, locale: 'de-DE', hasTouch: true }
  const maria = await desk.person('maria', '/admin', phone)
  await maria.getByText('Keys of the new building').first().waitFor()
  await fits(maria)
  await picture(maria, 'phone-report')
  await maria.getByRole('button', { name: 'Filter', exact: true }).click()
  await maria.getByLabel('Gesendet ab', { exact: true }).waitFor()
  await fits(maria)
  await examine(maria, 'the filters on a phone')
  for (const tab of ['Ankündigungen', 'Kampagnen', 'Personen']) {
    await maria.getByRole('link', { name: tab }).click()
    await maria.locator('.app-card, .app-person-row, .tidings-empty').first().waitFor()
    await fits(maria)
    await picture(maria, `phone-${tab}`)
  }
  await maria.context().close()
  const sara = await desk.person('sara', `/sent?item=${id}`, phone)
  await sara.getByRole('img', { name: /1 von 3/ }).waitFor()
  await fits(sara)
  await picture(sara, 'phone-message')
  await sara.getByRole('button', { name: 'Zurück' }).click()
  await sara.getByRole('link', { name: /Keys of the new building/ }).waitFor()
  await fits(sara)
  await sara.getByRole('button', { name: 'Neue Nachricht' }).click()
  await sara.getByRole('combobox', { name: 'Erinnern' }).selectOption('daily')
  await sara.getByText('Erinnert würde am').waitFor()
  await fits(sara)
  await picture(sara, 'phone-compose')
  await sara.context().close()
})

test('the theme and the language that somebody chooses stay', async () => {
  const sara = await desk.person('sara', '/sent')
  await sara.getByRole('button', { name: 'Account of' }).click()
  await sara.getByRole('menuitemradio', { name: 'Dark' }).click()
  await sara.getByRole('button', { name: 'Account of' }).click()
  await sara.getByRole('menuitemradio', { name: 'Deutsch' }).click()
  await sara.reload()
  await sara.getByRole('button', { name: 'Neue Nachricht' }).waitFor()
  const { theme, lang } = await sara.evaluate(() => ({
    theme: document.documentElement.dataset.theme,
    lang: document.documentElement.lang,
  }))
  assert.deepEqual({ theme, lang }, { theme: 'dark', lang: 'de' })
  await sara.context().close()
})
