// Fields for a moment: they are in the browser's time zone, and say so.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, escape } from './support/desk.mjs'
import { pane, rowLink } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('sten', 'tove')
})
after(() => desk.end())

/** What the host application knows of somebody. */
const place = (externalId, timeZone) =>
  desk.server.query(
    'the-host',
    'mutation ($input: UpsertUsersInput!) { upsertUsers(input: $input) { users { id } } }',
    { input: { users: [{ externalId, timeZone }] } },
    'admin',
  )

/** What is said beside the field of a snooze. */
async function zoneOfSnooze(page, dialog) {
  await rowLink(page, 'Letter').focus()
  await page.keyboard.press('h')
  await dialog.waitFor()
  const said = await dialog.getByText(/Standard Time|Summer Time|Normalzeit|Sommerzeit/).innerText()
  await escape(dialog)
  return said
}

test('fields for a moment say if the preferences have another time zone than the browser', async () => {
  await desk.server.send('sten', 'tove', 'Letter')
  await place('tove', 'Asia/Tokyo')
  const tove = await desk.person('tove', '/inbox', { timezoneId: 'Europe/Berlin' })
  const snooze = tove.getByRole('dialog', { name: 'Snooze until' })
  assert.match(
    await zoneOfSnooze(tove, snooze),
    /^Central European \w+ Time, not Asia\/Tokyo as in your preferences$/,
  )
  await tove.keyboard.press('c')
  const form = tove.getByRole('dialog', { name: 'New message' })
  for (const name of ['Send', 'Expires']) {
    await form.getByRole('combobox', { name }).selectOption('tomorrow')
  }
  const said = form.getByText(/Central European \w+ Time, not Asia\/Tokyo as in your preferences/)
  await said.nth(1).waitFor()
  assert.equal(await said.count(), 2)
  await examine(tove, 'fields in another time zone')
  await escape(form)

  // Paris has another name, and the same time.
  await tove.goto(`${tove.base}/inbox?preferences`)
  await tove.getByRole('combobox', { name: 'Time zone of reminders' }).selectOption('Europe/Paris')
  await tove.getByText('Saved').waitFor()
  await pane(tove).getByRole('button', { name: 'Close' }).click()
  assert.match(await zoneOfSnooze(tove, snooze), /^Central European \w+ Time$/)
  await tove.context().close()
})

test('in German, too; and nothing is said to people who have chosen no time zone', async () => {
  await desk.server.send('tove', 'sten', 'Letter')
  const open = () => desk.person('sten', '/inbox', { timezoneId: 'Europe/Berlin', locale: 'de-DE' })
  const unchosen = await open()
  const german = page => page.getByRole('dialog', { name: 'Zurückstellen bis' })
  assert.match(
    await zoneOfSnooze(unchosen, german(unchosen)),
    /^Mitteleuropäische (Normal|Sommer)zeit$/,
  )
  await unchosen.context().close()
  await place('sten', 'America/New_York')
  const sten = await open()
  assert.match(
    await zoneOfSnooze(sten, german(sten)),
    /zeit, nicht America\/New York wie in deinen Einstellungen$/,
  )
  await sten.context().close()
})
