// Formatting what one writes, by buttons and keys, in a message and in a reply.

import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, hasValue } from './support/desk.mjs'
import { openTitle, pane, row } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('ada', 'bela')
})
after(() => desk.end())

const bar = place => place.getByRole('toolbar', { name: 'Formatting' })
const button = (place, name) => bar(place).getByRole('button', { name, exact: true })
/** Selects this part of a field. */
const select = (field, part) =>
  field.evaluate((area, text) => {
    const start = area.value.indexOf(text)
    area.focus()
    area.setSelectionRange(start, start + text.length)
  }, part)

test('buttons and keys format a message, and each can be undone', async () => {
  const ada = await desk.person('ada', '/sent')
  await ada.getByRole('button', { name: 'New message' }).click()
  const form = ada.getByRole('dialog', { name: 'New message' })
  const body = form.getByRole('textbox', { name: 'Message' })
  await body.fill('')
  await body.pressSequentially('so very true')
  await button(form, 'Bold').waitFor()
  await examine(ada, 'a message with buttons for formats')

  await select(body, 'very')
  await button(form, 'Bold').click()
  await hasValue(body, 'so **very** true')
  // The word is still selected: the same again takes it back, and typing takes its place.
  await ada.keyboard.press('Control+b')
  await hasValue(body, 'so very true')
  await ada.keyboard.press('Control+i')
  await hasValue(body, 'so _very_ true')
  await ada.keyboard.press('Control+z')
  await hasValue(body, 'so very true')
  await ada.keyboard.press('Control+Shift+z')
  await hasValue(body, 'so _very_ true')
  await select(body, 'very')
  await ada.keyboard.type('quite')
  await hasValue(body, 'so _quite_ true')

  await select(body, 'true')
  await ada.keyboard.press('Control+k')
  await hasValue(body, 'so _quite_ [true](https://)')
  await ada.keyboard.type('/plan')
  await hasValue(body, 'so _quite_ [true](/plan)')
  await button(form, 'List').click()
  await hasValue(body, '- so _quite_ [true](/plan)')
  for (let times = 0; times < 40; times++) await ada.keyboard.press('Control+z')
  await hasValue(body, '')

  // By keys alone: one stop for all buttons, the arrows go through them, and the field has the
  // focus again afterwards.
  await ada.keyboard.type('make')
  await ada.keyboard.press('Control+a')
  await ada.keyboard.press('Tab')
  await button(form, 'Bold').and(ada.locator(':focus')).waitFor()
  await ada.keyboard.press('ArrowLeft')
  await button(form, 'Code').and(ada.locator(':focus')).waitFor()
  await ada.keyboard.press('Enter')
  await hasValue(body, '`make`')
  await body.and(ada.locator(':focus')).waitFor()
  // The preview shows it, and the draft has it.
  await form.getByRole('tab', { name: 'Preview' }).click()
  await form.locator('code', { hasText: 'make' }).waitFor()
  await ada.reload()
  await hasValue(body, '`make`')
  await ada.context().close()
})

test('a reply quotes what it answers', async () => {
  await desk.server.send('bela', 'ada', 'A question', { body: 'When?\n\nAnd **where**?' })
  const ada = await desk.person('ada')
  await row(ada, 'A question').click()
  await openTitle(ada, 'A question').waitFor()
  await pane(ada).locator('.tidings-markdown strong').waitFor()
  await ada.keyboard.press('r')
  await ada.keyboard.type('Let me see.')
  await button(pane(ada), 'Quote their message').click()
  const reply = ada.getByRole('textbox', { name: 'Reply to bela' })
  await hasValue(reply, 'Let me see.\n\n> When?\n> \n> And **where**?\n\n')
  await ada.keyboard.type('At noon, here.')
  await examine(ada, 'a reply with a quote')
  await ada.getByRole('button', { name: 'Send', exact: true }).click()
  await pane(ada).locator('.tidings-message blockquote strong', { hasText: 'where' }).waitFor()
  await ada.context().close()
})
