// The ways in: the host application's tokens, an OpenID Connect provider, a token made by hand; and the
// way out. That of the demo is in pictures.test.mjs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Desk, until } from './support/desk.mjs'
import { Identities, signIn, TARGET } from './support/provider.mjs'
import { token } from './support/server.mjs'

/**
 * Of a token that is to expire while its page is open. A slow machine has to use it before: two in a
 * row that come too late are refused, and the page says so.
 */
const SHORT_SECONDS = 6

async function atDesk(options, run) {
  const desk = await Desk.open(options)
  try {
    await run(desk)
  } finally {
    await desk.end()
  }
}

const heading = (page, name) => page.getByRole('heading', { name })

test('a token that has expired is replaced, and the page stays as it is', () =>
  atDesk({}, async desk => {
    await desk.server.people('ada', 'kwame')
    desk.application.seconds = SHORT_SECONDS
    const ada = await desk.person('ada')
    await heading(ada, 'Inbox').waitFor()
    // Anything else that is ever shown would be another element.
    await ada.evaluate(() => {
      const main = document.querySelector('main')
      window.flashes = 0
      new MutationObserver(() => {
        if (document.querySelector('main') !== main) window.flashes++
      }).observe(document.body, { childList: true, subtree: true })
    })
    const given = desk.application.given
    await until(
      () => desk.application.given,
      now => now > given,
    )
    await desk.server.send('kwame', 'ada', 'Still there?')
    await ada.getByRole('link', { name: 'Still there?' }).first().waitFor()
    assert.equal(await ada.evaluate(() => window.flashes), 0)
  }))

test('a visitor who is not signed in at the application is told so, and comes in after that', () =>
  atDesk({}, async desk => {
    const page = await desk.person(undefined)
    await heading(page, 'You are not signed in').waitFor()
    await page.context().addCookies([desk.application.cookie('ada')])
    await page.getByRole('button', { name: 'Sign in' }).click()
    await heading(page, 'Inbox').waitFor()
  }))

test('signing out erases what the browser kept', () =>
  atDesk({}, async desk => {
    await desk.server.people('ada')
    await desk.server.send('ada', 'ada', 'A secret')
    const ada = await desk.person('ada')
    await ada.getByRole('link', { name: 'A secret' }).first().waitFor()
    await ada.getByRole('button', { name: 'New message' }).click()
    await ada.getByLabel('Subject').fill('Another secret')
    await ada.keyboard.press('Escape')
    const kept = () =>
      ada.evaluate(async () => {
        const texts = [JSON.stringify({ ...localStorage, ...sessionStorage })]
        for (const { name } of await indexedDB.databases()) {
          const database = await new Promise((resolve, reject) => {
            const opening = indexedDB.open(name)
            opening.onsuccess = () => resolve(opening.result)
            opening.onerror = () => reject(opening.error)
          })
          for (const store of database.objectStoreNames) {
            const all = database.transaction(store).objectStore(store).getAll()
            await new Promise(resolve => (all.onsuccess = resolve))
            texts.push(JSON.stringify(all.result))
          }
          database.close()
        }
        return texts.join('\n')
      })
    await until(kept, text => text.includes('A secret') && text.includes('Another secret'))
    // Tokens are in memory only.
    assert.doesNotMatch(await kept(), /eyJ/)
    await ada.getByRole('button', { name: 'Account of' }).click()
    await ada.getByRole('menuitem', { name: 'Sign out' }).click()
    await heading(ada, 'You are signed out').waitFor()
    // That is said first.
    await until(kept, text => !text.includes('secret'))
  }))

test('people sign in at an OpenID Connect provider, and come back to where they were', async () => {
  const identities = await Identities.start()
  const { settings } = identities
  try {
    await atDesk({ settings }, async desk => {
      const ada = await desk.person(undefined, '/sent?view=planned')
      await signIn(ada, 'ada')
      await ada.getByText('Nothing planned').waitFor()
      assert.equal(new URL(ada.url()).search, '?view=planned')
      await ada.getByRole('button', { name: 'Account of ada' }).waitFor()
      assert.deepEqual(identities.grants, [{ type: 'authorization_code', verifier: true }])
      const kept = await ada.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
      assert.doesNotMatch(kept, /eyJ|verifier/)
      // The session at the provider lasts: a new page asks nothing.
      await ada.reload()
      await ada.getByText('Nothing planned').waitFor()
      assert.equal(identities.grants.length, 2)
      // An answer that nobody asked for signs nobody in.
      const page = await desk.person(undefined, '/inbox?code=stolen&state=forged')
      await page.locator('input[name=login]').waitFor()
      assert.equal(identities.grants.length, 2)
    })
  } finally {
    identities.end()
  }
})

test('a token of the provider is renewed by its refresh token, without leaving the page', async () => {
  const identities = await Identities.start({ seconds: SHORT_SECONDS, refreshes: true })
  const { settings } = identities
  try {
    await atDesk({ settings }, async desk => {
      const ada = await desk.person(undefined)
      await signIn(ada, 'ada')
      await heading(ada, 'Inbox').waitFor()
      await ada.evaluate(() => (window.isSamePage = true))
      await until(
        () => identities.grants.filter(({ type }) => type === 'refresh_token').length,
        count => count >= 2,
      )
      assert.equal(await ada.evaluate(() => window.isSamePage), true)
      await heading(ada, 'Inbox').waitFor()
    })
  } finally {
    identities.end()
  }
})

for (const [wants, setting] of [
  ['audience', 'WEB_AUDIENCE'],
  ['resource', 'WEB_RESOURCE'],
]) {
  test(`a provider that wants the parameter “${wants}” is told what its tokens are for`, async () => {
    const identities = await Identities.start({ wants, seconds: SHORT_SECONDS, refreshes: true })
    const settings = { ...identities.settings, [setting]: TARGET }
    try {
      await atDesk({ settings }, async desk => {
        const ada = await desk.person(undefined)
        await signIn(ada, 'ada')
        await heading(ada, 'Inbox').waitFor()
        // Those that are renewed are for the same.
        await until(
          () => identities.grants.filter(({ type }) => type === 'refresh_token').length,
          count => count >= 1,
        )
        await heading(ada, 'Inbox').waitFor()
      })
    } finally {
      identities.end()
    }
  })
}

test('without any way to sign in, a token made by hand opens the inbox', () =>
  atDesk({ settings: {} }, async desk => {
    const page = await desk.person(undefined)
    await heading(page, 'This server does not know how to sign people in').waitFor()
    await page.getByLabel('Token').fill('wrong')
    await page.getByRole('button', { name: 'Open the inbox' }).click()
    await heading(page, 'Signing in did not work').waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByLabel('Token').fill(token('ada'))
    await page.getByRole('button', { name: 'Open the inbox' }).click()
    await heading(page, 'Inbox').waitFor()
  }))
