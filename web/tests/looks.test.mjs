// Every screen of the inbox for everybody: axe finds nothing, nothing overflows, nothing runs that
// somebody has written. SCREENSHOTS, if it is set, is a directory for pictures.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ATTACKS, isHarmless, mayBeHacked } from './support/attacks.mjs'
import { examine } from './support/axe.mjs'
import { Desk, escape, hasCount, until } from './support/desk.mjs'
import { announce, comment, flood } from './support/mail.mjs'
import { fits, openTitle, pane, row } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  const { server } = desk
  await server.people('axel', 'bela', 'cora', 'dora', 'emil', 'anja')
  await flood(server, 'bela', 'axel', 3, 'Letter')
  await announce(server, {
    title: 'A new door',
    body: '# Where\n\nOn the **left**, see [the plan](/plan).\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```\ncode\n```\n\n> said\n\n1. one\n2. two',
    actions: [{ label: 'Have a look', url: '/door', isMain: true }],
  })
  await comment(server, { follower: 'axel', actors: ['bela', 'cora'], post: 'Ten minutes' })
})
after(() => desk.end())

test('axe finds nothing in any state of the inbox, light and dark', async () => {
  const page = await desk.person('axel')
  await row(page, 'Letter 2').waitFor()
  await examine(page, 'the list')

  await row(page, 'Letter 2').click()
  await openTitle(page, 'Letter 2').waitFor()
  await pane(page).locator('.tidings-markdown p').first().waitFor()
  await examine(page, 'a message')
  await page.keyboard.press('r')
  await page.keyboard.type('A *reply*')
  await examine(page, 'a reply')
  await page.getByRole('tab', { name: 'Preview' }).click()
  await pane(page).locator('.tidings-reply em').waitFor()
  await examine(page, 'the preview of a reply')
  await page.getByRole('button', { name: 'Discard' }).click()

  await row(page, 'A new door').click()
  await pane(page).locator('.tidings-markdown pre').waitFor()
  await examine(page, 'an announcement')
  await row(page, 'Ten minutes').click()
  await pane(page).getByRole('button', { name: 'Why did I get this?' }).click()
  await page.getByRole('dialog').getByRole('listitem').first().waitFor()
  await examine(page, 'why')
  await escape(page.getByRole('dialog'))
  await examine(page, 'activities')

  await page.keyboard.press('h')
  await page.getByRole('dialog', { name: 'Snooze until' }).waitFor()
  await examine(page, 'the snooze dialog')
  await escape(page.getByRole('dialog'))
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await examine(page, 'the help')
  await escape(page.getByRole('dialog'))

  await page.keyboard.press('x')
  await page.getByText('1 selected').waitFor()
  await examine(page, 'a selection')
  await page.keyboard.press('Escape')
  await page.getByText('1 selected').waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' }).click()
  await page.getByRole('menu', { name: 'More' }).waitFor()
  await examine(page, 'the menu')
  await escape(page.getByRole('menu', { name: 'More' }))
  await page.getByRole('button', { name: /^Inbox, / }).click()
  await page.getByRole('dialog', { name: 'Inbox' }).getByText('Letter 2').waitFor()
  await examine(page, 'the popover')
  await page.keyboard.press('Escape')
  // The bell has the focus again.
  await page.waitForFunction(() => document.activeElement?.matches('.tidings-bell'))

  await page.getByRole('region', { name: 'Items' }).getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Preferences' }).click()
  await page.getByRole('button', { name: 'Unfollow: Ten minutes' }).waitFor()
  await examine(page, 'the preferences')

  for (const [view, words] of [
    ['snoozed', 'Nothing snoozed'],
    ['archived', 'Nothing archived'],
  ]) {
    await page.getByRole('link', { name: new RegExp(view, 'i') }).click()
    await page.getByText(words).waitFor()
    await examine(page, words)
  }
  await page.keyboard.press('/')
  await page.keyboard.type('nothing has these')
  await page.getByText('Nothing found').waitFor()
  await examine(page, 'a search that finds nothing')
  await page.context().close()
})

test('the dark colours are the same, whether the reader has chosen them or the system', () => {
  const tokens = readFileSync('packages/react/src/styles/tokens.css', 'utf8')
  const [chosen, automatic] = ["[data-theme='dark'],", "[data-theme='auto'] {"].map(start => {
    const from = tokens.indexOf('{', tokens.indexOf(start))
    const block = tokens.slice(from, tokens.indexOf('}', from))
    return [...block.matchAll(/(--tidings-[\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [
      name,
      value.replace(/\s+/g, ' '),
    ])
  })
  assert.ok(chosen.length > 20, 'these are the colours')
  assert.deepEqual(automatic, chosen)
})

test('on a phone of 360 px, in German and from right to left, nothing overflows', async () => {
  const options = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
  const page = await desk.person('axel', '/inbox', { ...options, locale: 'de-DE' })
  await row(page, 'Letter 2').waitFor()
  await page.getByRole('heading', { name: 'Posteingang' }).waitFor()
  for (const direction of ['ltr', 'rtl']) {
    await page.evaluate(dir => (document.documentElement.dir = dir), direction)
    await fits(page)
    // All views are in sight, whatever else there is beside them.
    const views = page.getByRole('navigation', { name: 'Ansichten' }).getByRole('list').first()
    const places = await views.getByRole('link').evaluateAll(links =>
      links.map(link => {
        const { left, right } = link.getBoundingClientRect()
        return { name: link.innerText, isInSight: left >= 0 && right <= innerWidth }
      }),
    )
    assert.equal(places.length, 5)
    assert.deepEqual(
      places.filter(({ isInSight }) => !isInSight),
      [],
    )
    await examine(page, `the list, ${direction}`)
    await row(page, 'A new door').tap()
    await pane(page).locator('.tidings-markdown pre').waitFor()
    await fits(page)
    await examine(page, `an announcement, ${direction}`)
    // What is to be touched is large enough.
    const small = await page.locator('button:visible, [role=switch]:visible').evaluateAll(all =>
      all
        .map(one => ({ name: one.ariaLabel ?? one.textContent, box: one.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < 40 || box.height < 40))
        .map(({ name, box }) => `${name}: ${box.width} × ${box.height}`),
    )
    assert.deepEqual(small, [])
    await page.getByRole('button', { name: 'Zurück', exact: true }).tap()
    await row(page, 'A new door').waitFor()
  }
  await page.context().close()
})

test('at a zoom of 200 %, everything is there and nothing is cut off', async () => {
  // A window of 1280 px, zoomed to twice its size.
  const options = { viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 }
  const page = await desk.person('axel', '/inbox', options)
  await row(page, 'Letter 2').waitFor()
  await fits(page)
  await row(page, 'Ten minutes').click()
  await pane(page).getByRole('button', { name: 'Why did I get this?' }).waitFor()
  await fits(page)
  await page.getByRole('button', { name: 'Back', exact: true }).click()
  await row(page, 'Letter 2').waitFor()
  await page.context().close()
})

test('nothing runs that somebody has written into a subject, a body, a name or a title', async () => {
  const { server } = desk
  await server.query(
    'the-host',
    'mutation ($input: UpsertUsersInput!) { upsertUsers(input: $input) { users { id } } }',
    {
      input: {
        users: [
          {
            externalId: 'evil',
            firstName: '<img src=x onerror=hack()>',
            lastName: '"><script>hack()</script>',
          },
        ],
      },
    },
    'admin',
  )
  for (const attack of ATTACKS.slice(0, 5)) {
    await server.send('evil', 'dora', attack.replaceAll('\n', ' '), { body: attack })
  }
  await server.send('evil', 'dora', 'All of them', { body: ATTACKS.join('\n\n') })
  await comment(server, {
    follower: 'dora',
    actors: ['evil'],
    post: '<img src=x onerror=hack()>',
    preview: '<svg/onload=hack()> [x](javascript:hack())',
  })
  const page = await desk.person('dora', '/inbox', { viewport: { width: 1280, height: 1200 } })
  await mayBeHacked(page)
  await row(page, 'All of them').click()
  await pane(page).locator('.tidings-markdown p').first().waitFor()
  await isHarmless(page)
  for (const link of await pane(page).locator('.tidings-markdown a[href]').all()) {
    assert.equal(await link.getAttribute('rel'), 'noopener noreferrer')
  }
  // The same in the preview of what one writes oneself.
  await page.keyboard.press('r')
  await page.keyboard.insertText(ATTACKS.join('\n\n'))
  await page.getByRole('tab', { name: 'Preview' }).click()
  await pane(page).locator('.tidings-reply .tidings-markdown p').first().waitFor()
  await isHarmless(page)
  await row(page, 'commented').click()
  await pane(page).getByRole('button', { name: 'Why did I get this?' }).waitFor()
  await page.getByRole('button', { name: /^Inbox, / }).click()
  await page.getByRole('dialog', { name: 'Inbox' }).getByText('All of them').waitFor()
  await isHarmless(page)
  await page.context().close()
})

test('pictures are loaded in announcements if the settings say so, and never in messages', async () => {
  for (const [file, pictures] of [
    ['', 0],
    ['web_announcement_pictures = true\n', 1],
  ]) {
    const own = await Desk.open({ file })
    try {
      await own.server.people('lia', 'ole')
      await announce(own.server, { title: 'Rooms', body: 'They are ![blue](/favicon.svg).' })
      await own.server.send('ole', 'lia', 'A letter', { body: 'It is ![blue](/favicon.svg).' })
      const lia = await own.person('lia')
      const picture = pane(lia).getByRole('img', { name: 'blue' })
      await row(lia, 'Rooms').click()
      await pane(lia).getByText('They are').waitFor()
      await hasCount(picture, pictures)
      if (pictures) await until(() => picture.evaluate(image => image.naturalWidth), Boolean)
      await row(lia, 'A letter').click()
      await pane(lia).getByText('It is').waitFor()
      await pane(lia).getByRole('link', { name: 'blue' }).waitFor()
      assert.equal(await picture.count(), 0)
    } finally {
      await own.end()
    }
  }
})
