// Notices: the short words that go by themselves, above whatever is open.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, escape, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'
import { row, rowLink } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('olaf', 'petra', 'quinn', 'rosa')
})
after(() => desk.end())

const undo = page => page.getByRole('button', { name: 'Undo' })

test('while a dialog is open, what was done can be undone, and what arrives is said', async () => {
  await flood(desk.server, 'olaf', 'petra', 2, 'Letter')
  const petra = await desk.person('petra', '/inbox')
  await rowLink(petra, 'Letter 1').focus()
  await petra.keyboard.press('e')
  await row(petra, 'Letter 1').waitFor({ state: 'detached' })
  await petra.keyboard.press('c')
  const form = petra.getByRole('dialog', { name: 'New message' })
  await form.getByLabel('Subject').fill('A draft')
  await undo(petra).click()
  await row(petra, 'Letter 1').waitFor()
  // The form is as it was.
  assert.equal(await form.getByLabel('Subject').inputValue(), 'A draft')

  await escape(form)

  // By keys, too: they do not leave the dialog. The list of the inbox would say what arrives.
  await petra.goto(`${petra.base}/sent?compose=new`)
  await form.waitFor()
  await desk.server.send('olaf', 'petra', 'Meanwhile')
  const notice = petra.getByRole('region', { name: 'Notices' })
  await notice.getByText('Meanwhile', { exact: true }).waitFor()
  await examine(petra, 'a notice above a dialog')
  await notice.getByRole('button', { name: 'Close' }).focus()
  await petra.keyboard.press('Enter')
  await notice.getByText('Meanwhile', { exact: true }).waitFor({ state: 'detached' })
  await escape(form)
  await petra.context().close()
})

test('notices are in the layer that is on top, and in the page once all are closed', async () => {
  await flood(desk.server, 'olaf', 'quinn', 3, 'Letter')
  const quinn = await desk.person('quinn', '/sent')
  await quinn.getByRole('button', { name: /^Inbox, 3 new/ }).click()
  const popover = quinn.getByRole('dialog', { name: 'Inbox' })
  const choice = quinn.getByRole('dialog', { name: 'Snooze until' })
  const letter = n => popover.locator('.tidings-row').filter({ hasText: `Letter ${n}` })
  const act = async (n, name) => {
    await letter(n).hover()
    await letter(n).getByRole('button', { name }).click()
  }
  const archived = count =>
    until(
      () => titles(desk.server, 'quinn', 'ARCHIVED'),
      found => found.length === count,
    )
  await act(0, 'Archive')
  await archived(1)
  await act(1, 'Snooze')
  await choice.waitFor()
  await undo(quinn).click()
  await archived(0)
  await choice.waitFor()
  await escape(choice)

  await act(0, 'Archive')
  await archived(1)
  await act(1, 'Snooze')
  await escape(choice)
  await undo(quinn).click()
  await archived(0)
  await popover.waitFor()

  await act(0, 'Archive')
  await archived(1)
  await escape(popover)
  await undo(quinn).click()
  await archived(0)
  await quinn.context().close()
})

test('a notice goes when its time has passed, whatever opens and closes meanwhile', async () => {
  await desk.server.send('olaf', 'rosa', 'Letter')
  const rosa = await desk.person('rosa', '/inbox', { prepare: page => page.clock.install() })
  const { clock, keyboard } = rosa
  await rowLink(rosa, 'Letter').focus()
  await clock.pauseAt(Date.now() + 60_000)
  await keyboard.press('e')
  const notice = undo(rosa)
  await notice.waitFor()

  // Eight seconds for what can be undone.
  await clock.runFor(3000)
  await rosa.getByRole('button', { name: /^Inbox, / }).click()
  const popover = rosa.getByRole('dialog', { name: 'Inbox' })
  await popover.waitFor()
  await clock.runFor(2000)
  await escape(popover)
  await keyboard.press('?')
  const help = rosa.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await help.waitFor()
  await clock.runFor(2000)
  await notice.waitFor()
  await clock.runFor(1500)
  await notice.waitFor({ state: 'detached' })
  await escape(help)
  await rosa.context().close()
})
