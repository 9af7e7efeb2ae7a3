// What the catalog adds to the pages: categories beside the list, and labels that others wrote.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTACKS_IN_A_LINE as ATTACKS, isHarmless, mayBeHacked } from './support/attacks.mjs'
import { examine } from './support/axe.mjs'
import { Desk, until } from './support/desk.mjs'
import { comment } from './support/mail.mjs'
import { fits, openTitle, pane, row, rowTitles } from './support/reader.mjs'

const CATEGORIES = `
[catalog.categories]
billing = { en = "Billing", de = "Rechnungen" }
social = { en = "People", de = "Leute" }
parking = { en = "Parking", de = "Parkplätze" }
`

/** Runs a story on a server with a catalog. */
async function withCatalog(file, story) {
  const desk = await Desk.open({ file })
  try {
    await story(desk)
  } finally {
    await desk.end()
  }
}

/** Only the host application says what a message is about. */
const send = ({ server }, to, subject, category) =>
  server.query(
    'the-host',
    'mutation ($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }',
    { input: { subject, body: 'Text.', to: [{ user: { externalId: to } }], category } },
    'admin',
  )

const sidebar = page => page.getByRole('navigation', { name: /^(Views|Ansichten)$/ })
const shows = (page, ...titles) =>
  until(
    () => rowTitles(page),
    shown => shown.join() === titles.join(),
  )

test('a category shows its items alone, is in the address, and counts what is unread', async () => {
  await withCatalog(CATEGORIES, async desk => {
    await desk.server.people('nina')
    await send(desk, 'nina', 'Invoice 1', 'billing')
    await send(desk, 'nina', 'Lunch', 'social')
    await send(desk, 'nina', 'No category')
    await send(desk, 'nina', 'Invoice 2', 'billing')
    const nina = await desk.person('nina')
    await shows(nina, 'Invoice 2', 'No category', 'Lunch', 'Invoice 1')
    await sidebar(nina).getByRole('heading', { name: 'Categories' }).waitFor()
    await sidebar(nina).getByRole('link', { name: 'People 1 unread' }).waitFor()
    await sidebar(nina).getByRole('link', { name: 'Parking', exact: true }).waitFor()

    // By keyboard alone: they follow the kinds.
    await sidebar(nina).getByRole('link', { name: 'Activity' }).focus()
    await nina.keyboard.press('Tab')
    const billing = name => sidebar(nina).getByRole('link', { name, exact: true })
    await billing('Billing 2 unread').and(nina.locator(':focus')).waitFor()
    await nina.keyboard.press('Enter')
    await shows(nina, 'Invoice 2', 'Invoice 1')
    await nina.getByRole('heading', { name: 'Billing Inbox', level: 1 }).waitFor()
    assert.equal(new URL(nina.url()).searchParams.get('category'), 'billing')
    await billing('Billing 2 unread').and(nina.locator('[aria-current=page]')).waitFor()

    // It is live, and others stay out.
    await send(desk, 'nina', 'Dinner', 'social')
    await send(desk, 'nina', 'Invoice 3', 'billing')
    await shows(nina, 'Invoice 3', 'Invoice 2', 'Invoice 1')
    await billing('Billing 3 unread').waitFor()
    await sidebar(nina).getByRole('link', { name: 'People 2 unread' }).waitFor()

    // The address brings it back, and all of it can be read at once.
    await nina.reload()
    await shows(nina, 'Invoice 3', 'Invoice 2', 'Invoice 1')
    await nina.getByRole('button', { name: 'Mark all as read' }).click()
    await billing('Billing').waitFor()
    await sidebar(nina).getByRole('link', { name: 'People 2 unread' }).waitFor()
    const { viewer } = await until(
      () =>
        desk.server.query(
          'nina',
          '{ viewer { inbox { counts { unreadByCategory { category count } } } } }',
        ),
      ({ viewer }) => viewer.inbox.counts.unreadByCategory[0].count === 0,
    )
    assert.deepEqual(
      viewer.inbox.counts.unreadByCategory.map(({ category, count }) => [category, count]),
      [
        ['billing', 0],
        ['social', 2],
        ['parking', 0],
      ],
    )

    // Chosen again, everything is back; an empty one says so.
    await billing('Billing').click()
    await shows(nina, 'Invoice 3', 'Dinner', 'Invoice 2', 'No category', 'Lunch', 'Invoice 1')
    await sidebar(nina).getByRole('link', { name: 'Parking', exact: true }).click()
    await nina.getByText('Nothing of this category is here.').waitFor()
    await examine(nina, 'a category without items')
  })
})

test('on a phone, in German, categories stand in the row of views and can be touched', async () => {
  await withCatalog(CATEGORIES, async desk => {
    await desk.server.people('nina')
    await send(desk, 'nina', 'Invoice', 'billing')
    await send(desk, 'nina', 'Lunch', 'social')
    const nina = await desk.person('nina', '/inbox', {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
      locale: 'de-DE',
    })
    // Its label is in the language of the account, which the host application has not said.
    const billing = sidebar(nina).getByRole('link', { name: /^Billing 1 ungelesen/ })
    await billing.scrollIntoViewIfNeeded()
    const { height } = await billing.boundingBox()
    assert.ok(height >= 44, `${height} px is too low for a finger`)
    await fits(nina)
    await billing.tap()
    await shows(nina, 'Invoice')
    await examine(nina, 'a category on a phone')

    await desk.server.query(
      'nina',
      'mutation { updateViewer(input: { locale: "de" }) { user { locale } } }',
    )
    await nina.reload()
    await nina.getByRole('heading', { name: 'Rechnungen Posteingang', level: 1 }).waitFor()
    await nina.getByText('Kategorien').waitFor()
    await sidebar(nina)
      .getByRole('link', { name: /^Leute 1 ungelesen/ })
      .tap()
    await shows(nina, 'Lunch')
    await fits(nina)
  })
})

test('a catalog without categories adds nothing beside the list', async () => {
  await withCatalog(undefined, async desk => {
    await desk.server.people('nina', 'paul')
    await comment(desk.server, { follower: 'nina', actors: ['paul'], post: 'Ten minutes' })
    const nina = await desk.person('nina')
    await row(nina, 'Ten minutes').click()
    // A label of the catalog: it has been loaded.
    await pane(nina).getByText('You wrote it').waitFor()
    assert.deepEqual(await sidebar(nina).getByRole('heading').allInnerTexts(), ['Kinds'])
  })
})

/** The words that titles are made of, each with what it says beside an attack. */
const WORDS = {
  actors: '{ $named ->\n [2] { $first } { $second }\n *[other] { $first }\n}',
  system: '',
  'system-after': '',
  gone: '',
  'gone-after': '',
  titled: '{ $noun } { $title }',
  thing: '{ $name } { $title }',
  doing: '{ $actors } { $title }',
}
/** The attack in a word; they differ from those in nouns. */
const attackIn = word => ATTACKS[3 + Object.keys(WORDS).indexOf(word)]

/**
 * A catalog all of whose texts are attacks: an action, a reason and a category for each of them.
 * `bare` is an action without a sentence, and `photo` a type without a noun.
 */
function hostileCatalog() {
  const text = JSON.stringify
  /** As a pattern of Fluent, in which braces begin something else. */
  const pattern = (attack, rest) => text(`${attack.replace(/[{}]/g, '{"$&"}')} ${rest}`)
  return [
    '[catalog]\ntarget_types = ["post", "photo"]',
    '[catalog.categories]',
    ...ATTACKS.map((attack, n) => `c${n} = { en = ${text(attack)} }`),
    ...ATTACKS.map(
      (attack, n) => `[catalog.actions.a${n}]
label = ${text(attack)}
category = "c${n}"
sentences = { en = ${pattern(attack, '{ $actors } { $target }')} }
[catalog.reasons.r${n}]
label = ${text(attack)}
actions = ["a${n}"${n === 0 ? ', "bare"' : ''}]`,
    ),
    '[catalog.actions.bare]\nlabel = "Bare"',
    '[catalog.words.en]',
    ...Object.entries(WORDS).map(([word, rest]) => `${word} = ${pattern(attackIn(word), rest)}`),
    `[catalog.nouns.post]
en = { own = ${text(ATTACKS[0])}, titled = ${text(ATTACKS[1])}, untitled = ${text(ATTACKS[2])} }`,
  ].join('\n')
}

test('nothing runs that somebody has written into the catalog, and all of it is shown as it is', async () => {
  await withCatalog(hostileCatalog(), async desk => {
    const { server, application } = desk
    application.admins.add('nina')
    await server.people('nina', 'paul')
    const follow = (target, reason) =>
      server.query(
        'nina',
        'mutation ($input: SubscribeInput!) { subscribe(input: $input) { subscription { id } } }',
        { input: { target, reason } },
      )
    const target = { type: 'post', externalId: '1' }
    for (const n of ATTACKS.keys()) await follow(target, `r${n}`)
    const others = {
      bare: { type: 'post', externalId: '2' },
      a0: { type: 'photo', externalId: '3' },
    }
    for (const other of Object.values(others)) await follow(other, 'r0')
    const actor = { externalId: 'paul' }
    const activities = [...ATTACKS.keys()].map(n => ({
      actor,
      action: `a${n}`,
      target: { ...target, title: ATTACKS[n], url: '/posts/1' },
    }))
    for (const [action, other] of Object.entries(others)) {
      // Of the system, and then of somebody else: the newest is named first.
      activities.push({ action, target: { ...other, title: 'X' } })
      if (action === 'bare') activities.push({ actor, action, target: { ...other, title: 'X' } })
    }
    await server.query(
      'the-host',
      'mutation ($input: CreateActivitiesInput!) { createActivities(input: $input) { activities { id } } }',
      { input: { activities } },
      'service',
    )

    const nina = await desk.person('nina', '/inbox', { viewport: { width: 1280, height: 2400 } })
    await mayBeHacked(nina)
    await until(
      () => rowTitles(nina),
      shown => shown.length === ATTACKS.length + Object.keys(others).length,
    )
    const titles = await rowTitles(nina)
    for (const title of titles) {
      assert.ok(
        ATTACKS.some(attack => title.startsWith(`${attack} `)),
        `the sentence is not shown as it is: ${title}`,
      )
    }
    for (const word of Object.keys(WORDS).filter(word => !word.startsWith('gone'))) {
      assert.ok(
        titles.some(title => title.includes(attackIn(word))),
        `the word ${word} is not shown as it is: ${titles}`,
      )
    }
    const links = sidebar(nina).locator('.tidings-nav-link > span:first-of-type')
    const isCategory = text => ATTACKS.includes(text)
    await until(
      async () => (await links.allTextContents()).filter(isCategory),
      shown => shown.join() === ATTACKS.join(),
    )
    await isHarmless(nina)

    // A category as the head of the list, an item with its reason, and why it came.
    for (const attack of [ATTACKS[1], ATTACKS[3]]) {
      await sidebar(nina).getByText(attack, { exact: true }).click()
      await nina.getByRole('heading', { level: 1 }).filter({ hasText: attack }).waitFor()
      await row(nina, attack).click()
      await openTitle(nina, attack).waitFor()
      await pane(nina).locator('.tidings-reasons').getByText(attack, { exact: true }).waitFor()
      await pane(nina).getByRole('button', { name: 'Why did I get this?' }).click()
      await nina.getByRole('dialog').getByRole('listitem').first().waitFor()
      await isHarmless(nina)
      await nina.keyboard.press('Escape')
    }

    // Every action as a switch, and every reason of what is followed.
    await nina.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' }).click()
    await nina.getByRole('menuitem', { name: 'Preferences' }).click()
    await nina
      .getByRole('button', { name: /^Unfollow: / })
      .first()
      .waitFor()
    for (const attack of ATTACKS) {
      await nina.getByRole('switch', { name: attack, exact: true }).waitFor()
    }
    await until(
      () => pane(nina).locator('.tidings-setting p').allTextContents(),
      reasons => reasons.some(text => ATTACKS.every(attack => text.includes(attack))),
    )
    await isHarmless(nina)

    // What an admin chooses from.
    await nina.goto(`${nina.base}/admin?tab=announcements`)
    await nina.getByRole('button', { name: 'New announcement' }).click()
    const choice = nina.getByRole('combobox', { name: 'Category' })
    await choice
      .getByRole('option', { name: ATTACKS[0], exact: true })
      .waitFor({ state: 'attached' })
    const options = await choice.getByRole('option').allTextContents()
    assert.deepEqual(options.slice(1), ATTACKS)
    await isHarmless(nina)
  })
})
