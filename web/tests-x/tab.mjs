// GraphiQL in Chromium, as the tests use it: nothing comes from elsewhere, and the browser has nothing to complain about.
//
// TIDINGS_URL is the server, CHROMIUM the browser. SCREENSHOTS, if it is set, is a directory for pictures.

import { chromium } from 'playwright-core'

export const {
  TIDINGS_URL: server,
  CHROMIUM: executablePath,
  SCREENSHOTS: screenshots,
} = process.env

const browser = await chromium.launch({
  executablePath,
  // Chromium's sandbox refuses root.
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
})
// Editors have only the lines that fit: at this height, all lines of every answer. How long they are
// depends on the day, because the demo's story ends on it.
const context = await browser.newContext({ viewport: { width: 1400, height: 6000 } })
// The server, its other tests and the browser share the machine.
context.setDefaultTimeout(90_000)
await context.grantPermissions(['clipboard-read', 'clipboard-write'])

/** What should not be: requests to elsewhere, and whatever the browser complains about. */
export const complaints = []
await context.route('**/*', route => {
  const url = route.request().url()
  if (url.startsWith(`${server}/`)) return route.continue()
  complaints.push(`a request to ${url}`)
  return route.abort()
})

/** Ends the browser. */
export const close = () => browser.close()

/** A tab of the browser, with GraphiQL in it. */
export class Tab {
  constructor(page) {
    this.page = page
    this.query = page.locator('.graphiql-query-editor')
    this.response = page.locator('.graphiql-response')
    this.user = page.getByLabel('Signed in as')
    /** What each connection_init said. */
    this.introductions = []
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('websocket', socket => {
      if (socket.url() !== `${server.replace('http', 'ws')}/graphql`)
        complaints.push(`a websocket to ${socket.url()}`)
      socket.on('framesent', ({ payload }) => {
        const message = JSON.parse(payload)
        if (message.type === 'connection_init') this.introductions.push(message.payload)
      })
    })
  }

  /** `prepare` gets the page before anything is loaded. */
  static async open(prepare = async () => {}) {
    const tab = new Tab(await context.newPage())
    await prepare(tab.page)
    await tab.page.goto(`${server}/graphiql`)
    await tab.query.getByText('query').first().waitFor()
    return tab
  }

  /** Opens one of GraphiQL's tabs. */
  async show(name) {
    await this.page.getByRole('button', { name, exact: true }).click()
    await this.query.getByText(name, { exact: true }).waitFor()
  }

  async run() {
    await this.page.getByRole('button', { name: 'Execute query' }).click()
  }

  async stop() {
    await this.page.getByRole('button', { name: 'Stop query' }).click()
  }

  async answers(text) {
    await this.response.filter({ hasText: text }).waitFor()
  }

  async signIn(name) {
    await this.user.selectOption(name)
  }

  /** Pastes into the headers editor. */
  pasteHeaders(headers) {
    return this.paste('Headers', headers)
  }

  /** Pastes into one of the editors below the query: Variables or Headers. */
  async paste(name, value) {
    await this.page.getByRole('button', { name, exact: true }).click()
    await this.page.getByRole('region', { name }).getByRole('code').click()
    await this.page.evaluate(text => navigator.clipboard.writeText(text), JSON.stringify(value))
    await this.page.keyboard.press('ControlOrMeta+A')
    await this.page.keyboard.press('ControlOrMeta+V')
  }

  /** Opens the documentation, and waits for what only the schema knows. */
  async showSchema() {
    await this.page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    await this.hasSchema()
  }

  /** Where the documentation is open, as it is in all tabs after the first has opened it. */
  async hasSchema() {
    await this.page.locator('.graphiql-doc-explorer', { hasText: 'Subscription' }).waitFor()
  }

  async picture(name) {
    if (screenshots) await this.page.screenshot({ path: `${screenshots}/${name}.png` })
  }
}
