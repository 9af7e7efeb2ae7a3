// The bell and what opens under it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, escape, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'

let desk
before(async () => (desk = await Desk.open()))
after(() => desk.end())

/** Nine o'clock in so many days, by this browser's clock. */
function morning(days) {
  const at = new Date()
  at.setDate(at.getDate() + days)
  at.setHours(9, 0, 0, 0)
  return at.getTime()
}

test('in the popover, an item is snoozed until when the reader chooses', async () => {
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
  // Midnight may pass before it is open.
  const mornings = [morning(1)]
  await snooze.click()
  await choice.getByRole('button', { name: /^Tomorrow/ }).waitFor()
  mornings.push(morning(1))
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
  const chosen = Date.parse(viewer.inbox.items.nodes[0].snoozedUntil)
  assert.ok(mornings.includes(chosen), `${chosen} is none of ${mornings}`)
  await xaver.context().close()
})

test('the popover shows all, or what is unread, and counts that', async () => {
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
})

test('the popover tells what is new from what was seen, and archives all of it until that is undone', async () => {
  await desk.server.people('anna', 'bert')
  await flood(desk.server, 'anna', 'bert', 2, 'Old')
  const bert = await desk.person('bert', '/sent')
  const popover = bert.getByRole('dialog', { name: 'Inbox' })
  const lines = () => popover.locator('.tidings-popover-list li').allInnerTexts()
  const order = () => lines().then(all => all.map(text => /Old \d|New|Earlier/.exec(text)?.[0]))
  const shows = (...names) => until(order, shown => shown.join() === names.join())
  await bert.getByRole('button', { name: /^Inbox, 2 new/ }).click()
  // All of it is new, so there is nothing to tell it from.
  await shows('Old 1', 'Old 0')
  await bert.getByRole('button', { name: 'Inbox, nothing new', exact: true }).waitFor()
  await bert.keyboard.press('Escape')
  await popover.waitFor({ state: 'hidden' })

  // A notice of what is new goes when the popover shows it.
  const notice = bert.locator('.tidings-toast').filter({ hasText: 'New' })
  await desk.server.send('anna', 'bert', 'New')
  await notice.waitFor()
  await bert.getByRole('button', { name: /^Inbox, 1 new/ }).click()
  await shows('New', 'Earlier', 'Old 1', 'Old 0')
  // Also after it has been seen.
  await bert.getByRole('button', { name: 'Inbox, nothing new', exact: true }).waitFor()
  assert.equal(await notice.count(), 0)
  await shows('New', 'Earlier', 'Old 1', 'Old 0')
  await examine(bert, 'what is new in the popover')

  await popover.getByRole('button', { name: 'Archive everything here' }).click()
  await popover.getByText('All caught up').waitFor()
  await until(
    () => titles(desk.server, 'bert', 'ARCHIVED'),
    archived => archived.length === 3,
  )
  // That stands beside the popover, which stays.
  await bert.getByRole('button', { name: 'Undo' }).click()
  await shows('New', 'Earlier', 'Old 1', 'Old 0')
  await popover.waitFor()
  await until(
    () => titles(desk.server, 'bert'),
    active => active.length === 3,
  )

  // Without the popover, notices are in the page again.
  await popover.getByRole('button', { name: 'Archive everything here' }).click()
  await popover.getByText('All caught up').waitFor()
  await escape(popover)
  await bert.getByRole('button', { name: 'Undo' }).click()
  await until(
    () => titles(desk.server, 'bert'),
    active => active.length === 3,
  )
  await bert.context().close()
})

test('a snooze is typed in words, and what is meant is shown first', async () => {
  await desk.server.people('cleo', 'dirk')
  await desk.server.send('cleo', 'dirk', 'Later')
  const dirk = await desk.person('dirk')
  const choice = dirk.getByRole('dialog', { name: 'Snooze until' })
  await dirk.locator('.tidings-row', { hasText: 'Later' }).locator('a').focus()
  // Midnight may pass before it is open.
  const mornings = [morning(3)]
  await dirk.keyboard.press('h')
  await choice.getByRole('button', { name: 'In two weeks' }).waitFor()
  mornings.push(morning(3))
  await choice.getByRole('textbox', { name: 'When' }).and(dirk.locator(':focus')).waitFor()
  await dirk.keyboard.type('whenever')
  await choice.getByText('That is no time to come.').waitFor()
  await choice.getByRole('textbox', { name: 'When' }).fill('')
  // A date may not have passed either.
  const exactly = choice.getByLabel('Date and time')
  await exactly.fill('2020-01-01T08:00')
  await choice.getByText('That is no time to come.').waitFor()
  await exactly.and(choice.locator('[aria-invalid=true]')).waitFor()
  assert.equal(await choice.getByRole('button', { name: 'Snooze' }).isDisabled(), true)
  await exactly.fill('')
  await choice.getByRole('textbox', { name: 'When' }).fill('in 3 days')
  const { format } = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full' })
  await choice
    .getByRole('status')
    .getByText(new RegExp(mornings.map(format).join('|')))
    .waitFor()
  await examine(dirk, 'a time that is typed')
  await dirk.keyboard.press('Enter')
  await choice.waitFor({ state: 'detached' })
  const { viewer } = await until(
    () =>
      desk.server.query(
        'dirk',
        '{ viewer { inbox { items(filter: { view: SNOOZED }) { nodes { snoozedUntil } } } } }',
      ),
    ({ viewer }) => viewer.inbox.items.nodes.length === 1,
  )
  const chosen = Date.parse(viewer.inbox.items.nodes[0].snoozedUntil)
  assert.ok(mornings.includes(chosen), `${chosen} is none of ${mornings}`)
  await dirk.context().close()
})
