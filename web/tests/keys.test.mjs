// The inbox by keys alone.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Desk, escape, hasValue, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'
import { hasFocus, openTitle, row, rowLink, rowTitles } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('ines', 'tara', 'yuki')
})
after(() => desk.end())

const close = page => page.context().close()

test('every shortcut does what the help says', async () => {
  await flood(desk.server, 'ines', 'tara', 8, 'Mail')
  const tara = await desk.person('tara')
  const { keyboard } = tara
  await row(tara, 'Mail 7').waitFor()

  await keyboard.press('j')
  await hasFocus(tara, 'Mail 7')
  await keyboard.press('j')
  await keyboard.press('ArrowDown')
  await hasFocus(tara, 'Mail 5')
  await keyboard.press('k')
  await keyboard.press('ArrowUp')
  await hasFocus(tara, 'Mail 7')

  // Selecting, one and a range.
  await keyboard.press('x')
  await tara.getByText('1 selected').waitFor()
  await keyboard.press('Shift+ArrowDown')
  await keyboard.press('Shift+ArrowDown')
  await tara.getByText('3 selected').waitFor()
  await keyboard.press('Shift+ArrowUp')
  await tara.getByText('2 selected').waitFor()
  await keyboard.press('Escape')
  await tara.getByText('2 selected').waitFor({ state: 'detached' })

  // Reading and unreading.
  await hasFocus(tara, 'Mail 6')
  await keyboard.press('Shift+I')
  await row(tara, 'Mail 6').and(tara.locator(':not([data-unread])')).waitFor()
  await keyboard.press('Shift+U')
  await row(tara, 'Mail 6').and(tara.locator('[data-unread]')).waitFor()

  // Opening and going back; the focus follows.
  await keyboard.press('o')
  await openTitle(tara, 'Mail 6').waitFor()
  await tara.waitForFunction(() => document.activeElement?.localName === 'h2')
  await keyboard.press('j')
  await openTitle(tara, 'Mail 5').waitFor()
  await keyboard.press('Escape')
  await hasFocus(tara, 'Mail 5')
  await tara.getByText('Nothing open').waitFor()
  await keyboard.press('Enter')
  await openTitle(tara, 'Mail 5').waitFor()
  await keyboard.press('Escape')

  // Archiving moves the focus to the next row; undo brings it back.
  await hasFocus(tara, 'Mail 5')
  await keyboard.press('e')
  await row(tara, 'Mail 5').waitFor({ state: 'detached' })
  await hasFocus(tara, 'Mail 4')
  await keyboard.press('z')
  await row(tara, 'Mail 5').waitFor()

  // Snoozing.
  await keyboard.press('h')
  const snooze = tara.getByRole('dialog', { name: 'Snooze until' })
  await snooze.getByRole('button', { name: /^Tomorrow/ }).click()
  await row(tara, 'Mail 4').waitFor({ state: 'detached' })
  await hasFocus(tara, 'Mail 3')
  await until(
    () => titles(desk.server, 'tara', 'SNOOZED'),
    snoozed => snoozed.join() === 'Mail 4',
  )

  // Muting.
  await keyboard.press('m')
  await row(tara, 'Mail 3').getByText('Muted').waitFor({ state: 'attached' })

  // Replying opens what the reply is to.
  await keyboard.press('r')
  await openTitle(tara, 'Mail 3').waitFor()
  await tara.waitForFunction(() => document.activeElement?.localName === 'textarea')
  // While somebody types, letters are letters.
  await keyboard.type('jeez')
  await hasValue(tara.getByRole('textbox', { name: 'Reply to ines' }), 'jeez')
  await keyboard.press('Escape')
  await openTitle(tara, 'Mail 3').waitFor()

  // Searching.
  await keyboard.press('/')
  await tara.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Search')
  await keyboard.type('Mail 2')
  await until(
    () => rowTitles(tara),
    shown => shown.includes('Mail 2') && !shown.includes('Mail 7'),
  )
  await keyboard.press('Escape')
  await keyboard.press('Escape')
  await row(tara, 'Mail 7').waitFor()

  // Elsewhere.
  await keyboard.press('c')
  const form = tara.getByRole('dialog', { name: 'New message' })
  await form.waitFor()
  await escape(form)
  await keyboard.type('gs')
  await tara.waitForURL(/\/sent/)
  await tara.getByText('Nothing sent yet').waitFor()
  await keyboard.type('gi')
  await tara.waitForURL(/\/inbox/)
  await row(tara, 'Mail 7').waitFor()

  // The help, with the switch that turns single keys off.
  await keyboard.press('?')
  const help = tara.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await help.getByRole('switch', { name: 'Single-key shortcuts' }).uncheck()
  await escape(help)
  await rowLink(tara, 'Mail 7').focus()
  await keyboard.press('e')
  await keyboard.press('?')
  await keyboard.press('ArrowDown')
  await hasFocus(tara, 'Mail 6')
  assert.equal(await help.count(), 0)
  assert.equal(await row(tara, 'Mail 7').count(), 1)
  await close(tara)
})

test('a menu is used by keys alone, and Escape closes it or the popover, and nothing else', async () => {
  await desk.server.people('gina')
  await desk.server.send('ines', 'gina', 'Open')
  const gina = await desk.person('gina')
  await row(gina, 'Open').click()
  await openTitle(gina, 'Open').waitFor()
  const more = gina.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' })
  const menu = gina.getByRole('menu', { name: 'More' })
  const item = n => menu.locator('[role^=menuitem]').nth(n).and(gina.locator(':focus'))
  await more.focus()
  await gina.keyboard.press('Enter')
  await item(0).waitFor()
  await gina.keyboard.press('ArrowDown')
  await item(1).waitFor()
  await escape(menu)
  await more.and(gina.locator(':focus')).waitFor()
  const bell = gina.getByRole('button', { name: /^Inbox, / })
  const popover = gina.getByRole('dialog', { name: 'Inbox' })
  await bell.click()
  await popover.and(gina.locator(':focus')).waitFor()
  await escape(popover)
  await bell.and(gina.locator(':focus')).waitFor()
  await openTitle(gina, 'Open').waitFor()
  await close(gina)
})

test('with Tab alone, an item is reached, opened, archived, and the focus goes to the next', async () => {
  await flood(desk.server, 'ines', 'yuki', 3, 'Letter')
  const yuki = await desk.person('yuki')
  await row(yuki, 'Letter 2').waitFor()
  const name = () =>
    yuki.evaluate(() => {
      const { activeElement: element } = document
      return element?.getAttribute('aria-label') ?? element?.textContent ?? ''
    })
  const tabTo = async wanted => {
    for (let presses = 0; presses < 40; presses++) {
      await yuki.keyboard.press('Tab')
      if (wanted.test(await name())) return presses
    }
    assert.fail(`Tab does not come to ${wanted}`)
  }
  await tabTo(/^Search$/)
  await tabTo(/Letter 2/)
  // One stop for the list: the next is what can be done to the row.
  assert.equal(await tabTo(/^Select “Letter 2”$/), 0)
  await tabTo(/^Archive$/)
  await yuki.keyboard.press('Enter')
  await row(yuki, 'Letter 2').waitFor({ state: 'detached' })
  await hasFocus(yuki, 'Letter 1')
  await yuki.keyboard.press('Enter')
  await openTitle(yuki, 'Letter 1').waitFor()
  // It counts as read after a moment, and the keys are quicker.
  await row(yuki, 'Letter 1').and(yuki.locator(':not([data-unread])')).waitFor()
  await tabTo(/^Mark as unread$/)
  await close(yuki)
})
