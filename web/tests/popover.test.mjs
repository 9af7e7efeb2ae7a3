// The bell and what opens under it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'

test('in the popover, an item is snoozed until when the reader chooses', async () => {
  const desk = await Desk.open()
  try {
    await desk.server.people('wera', 'xaver')
    await flood(desk.server, 'wera', 'xaver', 2, 'Letter')
    // Not on the inbox page, whose list has rows of its own.
    const xaver = await desk.person('xaver', '/sent')
    await xaver.getByRole('button', { name: /^Inbox, 2 new/ }).click()
    const popover = xaver.getByRole('dialog', { name: 'Inbox' })
    const letter = popover.locator('.tidings-row').filter({ hasText: 'Letter 1' })
    const snooze = letter.getByRole('button', { name: 'Snooze' })
    const choice = xaver.getByRole('dialog', { name: 'Snooze until' })

    // Without a choice, nothing happens, and the popover is still there.
    await letter.hover()
    await snooze.click()
    await choice.getByRole('button', { name: 'In an hour' }).waitFor()
    await examine(xaver, 'snoozing in the popover')
    await xaver.keyboard.press('Escape')
    await choice.waitFor({ state: 'detached' })
    await letter.waitFor()

    await letter.hover()
    await snooze.click()
    await choice.getByRole('button', { name: /^Tomorrow/ }).click()
    await letter.waitFor({ state: 'detached' })
    await popover.getByText('Letter 0', { exact: true }).waitFor()
    await until(
      () => titles(desk.server, 'xaver', 'SNOOZED'),
      snoozed => snoozed.join() === 'Letter 1',
    )
    const { viewer } = await desk.server.query(
      'xaver',
      '{ viewer { inbox { items(first: 1, filter: { view: SNOOZED }) { nodes { snoozedUntil } } } } }',
    )
    const chosen = new Date(viewer.inbox.items.nodes[0].snoozedUntil)
    const tomorrow = new Date()
    tomorrow.setDate(tomorrow.getDate() + 1)
    tomorrow.setHours(9, 0, 0, 0)
    assert.equal(chosen.getTime(), tomorrow.getTime())
    await xaver.context().close()
  } finally {
    await desk.end()
  }
})

test('the popover shows all, or what is unread, and counts that', async () => {
  const desk = await Desk.open()
  try {
    await desk.server.people('yara', 'zeno')
    await flood(desk.server, 'yara', 'zeno', 2, 'Letter')
    const zeno = await desk.person('zeno', '/sent')
    await zeno.getByRole('button', { name: /^Inbox, 2 new/ }).click()
    const popover = zeno.getByRole('dialog', { name: 'Inbox' })
    const letter = n => popover.locator('.tidings-row').filter({ hasText: `Letter ${n}` })
    await letter(1).hover()
    await letter(1).getByRole('button', { name: 'Mark as read' }).click()
    await letter(1).and(zeno.locator(':not([data-unread])')).waitFor()
    await popover.getByRole('tab', { name: 'Unread (1)' }).click()
    await letter(1).waitFor({ state: 'detached' })
    await letter(0).waitFor()
    await examine(zeno, 'what is unread in the popover')
    // What arrives is there, and what is read goes.
    await flood(desk.server, 'yara', 'zeno', 1, 'Another Letter')
    await popover.getByRole('tab', { name: 'Unread (2)' }).waitFor()
    await popover.getByRole('button', { name: 'Mark all as read' }).click()
    await popover.getByText('Nothing unread').waitFor()
    await popover.getByRole('tab', { name: 'Unread', exact: true }).press('ArrowLeft')
    await letter(1).waitFor()
    await zeno.context().close()
  } finally {
    await desk.end()
  }
})
