// The inbox on a phone: what a finger does there.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { examine } from './support/axe.mjs'
import { Desk, until } from './support/desk.mjs'
import { flood, titles } from './support/mail.mjs'
import { pane, row, rowLink, rowTitles } from './support/reader.mjs'

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('anton', 'berit', 'carl', 'dora')
})
after(() => desk.end())

/** A finger on a page; what it does takes the time that it takes people. */
class Finger {
  #session
  #at
  #seconds

  static async on(page) {
    const finger = new Finger()
    finger.#session = await page.context().newCDPSession(page)
    return finger
  }

  /** Touches the middle of something. */
  async down(place) {
    const { x, y, width, height } = await place.boundingBox()
    this.#at = { x: x + width / 2, y: y + height / 2 }
    this.#seconds = Date.now() / 1000 - 0.6
    await this.#send('touchStart', [this.#at])
  }

  /** Moves in small steps, as fingers do. */
  async move(across, down = 0) {
    for (let step = 0; step < 8; step++) {
      this.#at = { x: this.#at.x + across / 8, y: this.#at.y + down / 8 }
      await this.#send('touchMove', [this.#at])
    }
  }

  /** After a moment of rest: Chromium takes a touch just after a fling for the end of that. */
  async up() {
    await this.#send('touchMove', [{ ...this.#at, x: this.#at.x + 1 }], 0.15)
    await this.#send('touchEnd', [])
  }

  #send(type, touchPoints, after = 0.02) {
    this.#seconds += after
    const timestamp = this.#seconds
    return this.#session.send('Input.dispatchTouchEvent', { type, touchPoints, timestamp })
  }
}

const isRead = (page, title) => row(page, title).and(page.locator(':not([data-unread])')).waitFor()
const hint = page => page.locator('.tidings-row-swipe')

test('a row that is swiped is archived or marked as read, which can be undone, and not by a little', async () => {
  await flood(desk.server, 'anton', 'berit', 3, 'Letter')
  const berit = await desk.person('berit', '/inbox', PHONE)
  await row(berit, 'Letter 2').waitFor()
  const finger = await Finger.on(berit)
  const swipe = async (title, across) => {
    await finger.down(row(berit, title))
    await finger.move(across)
    await finger.up()
  }

  // It says what it does before it does it, and a finger that goes back does nothing.
  await finger.down(row(berit, 'Letter 1'))
  await finger.move(-60)
  await hint(berit).getByText('Archive').waitFor()
  await examine(berit, 'a row under a finger')
  await finger.move(50)
  await finger.up()
  await hint(berit).waitFor({ state: 'detached' })
  await swipe('Letter 2', -60)
  await hint(berit).waitFor({ state: 'detached' })
  assert.deepEqual(await rowTitles(berit), ['Letter 2', 'Letter 1', 'Letter 0'])

  await swipe('Letter 1', -140)
  await row(berit, 'Letter 1').waitFor({ state: 'detached' })
  await until(
    () => titles(desk.server, 'berit'),
    active => active.join() === 'Letter 2,Letter 0',
  )
  await berit.getByRole('button', { name: 'Undo' }).tap()
  await row(berit, 'Letter 1').waitFor()

  await swipe('Letter 2', 140)
  await isRead(berit, 'Letter 2')
  await until(
    () => titles(desk.server, 'berit', 'UNREAD'),
    unread => unread.join() === 'Letter 1,Letter 0',
  )
  // Nothing was opened by any of it, and a touch still opens.
  assert.equal(new URL(berit.url()).search, '')
  await row(berit, 'Letter 0').tap()
  await berit.waitForURL(/item=/)
  // There is a button for the same.
  await pane(berit).getByRole('button', { name: 'Archive', exact: true }).tap()
  await until(
    () => titles(desk.server, 'berit'),
    active => active.join() === 'Letter 2,Letter 1',
  )
  await berit.context().close()
})

test('a finger that goes up scrolls, and from right to left the sides are the other way round', async () => {
  await flood(desk.server, 'anton', 'carl', 20, 'Letter')
  const carl = await desk.person('carl', '/inbox', PHONE)
  await row(carl, 'Letter 19').waitFor()
  const finger = await Finger.on(carl)
  const scrolled = () => carl.locator('.tidings-scroller').evaluate(list => list.scrollTop)
  await finger.down(row(carl, 'Letter 12'))
  await finger.move(40, -200)
  await until(scrolled, top => top > 60)
  await finger.up()
  assert.equal(await hint(carl).count(), 0)
  assert.equal((await titles(desk.server, 'carl')).length, 20)

  await carl.evaluate(() => (document.documentElement.dir = 'rtl'))
  await finger.down(row(carl, 'Letter 12'))
  await finger.move(140)
  await finger.up()
  await row(carl, 'Letter 12').waitFor({ state: 'detached' })
  await until(
    () => titles(desk.server, 'carl', 'ARCHIVED'),
    archived => archived.join() === 'Letter 12',
  )
  await carl.context().close()
})

test('a row that is let go returns at once for those who want less motion', async () => {
  await flood(desk.server, 'anton', 'dora', 1, 'Letter')
  for (const [reducedMotion, isAtOnce] of [
    ['reduce', true],
    ['no-preference', false],
  ]) {
    const dora = await desk.person('dora', '/inbox', { ...PHONE, reducedMotion })
    const link = rowLink(dora, 'Letter 0')
    const style = name => link.evaluate((element, name) => getComputedStyle(element)[name], name)
    await link.waitFor()
    const finger = await Finger.on(dora)
    await finger.down(link)
    await finger.move(-60)
    await hint(dora).getByText('Archive').waitFor()
    assert.equal(await style('translate'), '-60px')
    await finger.up()
    await hint(dora).waitFor({ state: 'detached' })
    assert.equal((await style('transitionDuration')) === '0s', isAtOnce, reducedMotion)
    await until(
      () => style('translate'),
      translate => translate === 'none',
    )
    await dora.context().close()
  }
})
