// People at their browsers: each has a browser context of their own, signed in by the host
// application's cookie. What no page may do (a script error, something that its policy forbids) is
// collected, and `end` fails if there is any.

import assert from 'node:assert/strict'
import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { Application } from './application.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Nothing takes so long, not even on a machine that has much else to do. */
export const PATIENCE = 60_000
const LONGEST_PAUSE_MS = 250

/** One for all tests of a file: people are apart by their contexts. */
export const browser = () => (shared ??= launch())

let shared
after(async () => (await shared)?.close())

function launch() {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: EXECUTABLE, args: [...args, '--disable-dev-shm-usage'] })
}

export class Desk {
  application
  server
  browser
  #ends = []
  #contexts = []
  complaints = []

  /** People sign in by the host application, unless `settings` say otherwise; see `Server.start`. */
  static async open({ settings, file } = {}) {
    const desk = new Desk()
    desk.application = await Application.start()
    try {
      desk.server = await Server.start(settings ?? desk.application.settings, { file })
      desk.browser = await browser()
    } catch (error) {
      await desk.end()
      throw error
    }
    return desk
  }

  /** Where the pages are. */
  get address() {
    return this.server.address
  }

  /** A way to the pages that can be cut. */
  async proxy() {
    const proxy = await Proxy.to(this.address)
    this.#ends.push(() => proxy.end())
    return proxy
  }

  /** Opens a page as somebody; `prepare` does something with the page before it goes anywhere. */
  async person(name, path = '/inbox', { address, prepare, ...options } = {}) {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 900 },
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...options,
    })
    if (name) await context.addCookies([this.application.cookie(name)])
    const base = `http://${address ?? this.address}`
    return this.watch(context, name ?? 'nobody', base, path, prepare)
  }

  async watch(context, name, base, path, prepare) {
    this.#contexts.push(context)
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
        console.error(`policy: ${violatedDirective} ${blockedURI} ${sample}`),
      )
    })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE)
    page.on('pageerror', error => this.complaints.push(`${name}: ${error.stack}`))
    page.on('console', message => {
      const text = message.text()
      // Of networks that a test cuts, and of answers that it asks for.
      if (
        message.type() === 'error' &&
        !/^Failed to load resource|WebSocket connection/.test(text)
      ) {
        this.complaints.push(`${name}: ${text}`)
      }
    })
    await prepare?.(page)
    await page.goto(base + path)
    return Object.assign(page, { base })
  }

  async end() {
    for (const end of this.#ends) await end()
    // What is closed already stays so.
    for (const context of this.#contexts) await context.close()
    await this.server?.end()
    this.application?.end()
    assert.deepEqual(this.complaints, [])
  }
}

/** Waits until something is so; fails with what was there instead. */
export async function until(read, isSo, milliseconds = PATIENCE) {
  const end = Date.now() + milliseconds
  // Each look takes processor time that other tests need, so looks become rarer.
  for (let pause = 20; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const value = await read()
    if (isSo(value)) return value
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)}`)
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}

/** Waits until a field has this text. */
export const hasValue = (field, text) =>
  until(
    () => field.inputValue(),
    value => value === text,
  )

/** Waits until something is there this many times. */
export const hasCount = (locator, count) =>
  until(
    () => locator.count(),
    found => found === count,
  )

/**
 * Chooses somebody in a field with suggestions, by keys: while the list is loading, it would change
 * under a pointer between pressing and letting go.
 */
export async function choose(field, name, typed = name) {
  await field.fill(typed)
  const options = field.page().getByRole('option', { name, exact: true })
  await options.and(field.page().locator('[aria-selected=true]')).waitFor()
  await field.press('Enter')
  await field
    .page()
    .getByRole('button', { name: `Remove ${name}`, exact: true })
    .waitFor()
}

/** Closes a dialog: until it is gone, keys belong to it. */
export async function escape(dialog) {
  await dialog.page().keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
}
