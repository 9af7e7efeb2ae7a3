// What a page says when something is missing, away or refused, and how it goes on from there.

import { after, before, test } from 'node:test'
import { Answers } from './support/answers.mjs'
import { Desk } from './support/desk.mjs'
import { announce } from './support/mail.mjs'
import { isKept, openTitle, pane, row } from './support/reader.mjs'

let desk
before(async () => {
  desk = await Desk.open()
  await desk.server.people('ines', 'wanda', 'lars', 'olga', 'nora', 'kurt')
})
after(() => desk.end())

const close = page => page.context().close()
const banner = page => page.locator('.tidings-banner')

test('an address of something that is no item says so, and goes on saying so', async () => {
  const message = await desk.server.send('ines', 'wanda', 'Hello')
  const wanda = await desk.person('wanda')
  await row(wanda, 'Hello').waitFor()
  await isKept(wanda)
  const answers = await Answers.of(wanda)
  const gone = pane(wanda).getByText('This is no longer available')
  for (const item of ['nonsense', message]) {
    const release = answers.hold('InboxHead')
    await wanda.goto(`${wanda.base}/inbox?item=${item}`)
    await gone.waitFor()
    // The answer that came last took it back.
    const head = wanda.waitForResponse(answer =>
      answer.request().postData()?.includes('query InboxHead'),
    )
    await release()
    await (await head).finished()
    await desk.server.send('ines', 'wanda', `After ${item}`)
    await row(wanda, `After ${item}`).waitFor()
    await gone.waitFor()
  }
  await close(wanda)
})

/** The same story in each language, at the same time. */
const OFFLINE = [
  {
    name: 'lars',
    options: { viewport: { width: 900, height: 700 } },
    offline: 'You are offline.',
    later: 'This will load when the connection is back.',
    back: 'Back',
    send: 'Send',
    failed: 'There is no connection. Try again when it is back.',
  },
  {
    name: 'olga',
    options: { viewport: { width: 360, height: 740 }, locale: 'de-DE' },
    offline: 'Du bist offline.',
    later: 'Das wird geladen, sobald die Verbindung zurück ist.',
    back: 'Zurück',
    send: 'Senden',
    failed: 'Es gibt keine Verbindung. Versuche es wieder, sobald sie zurück ist.',
  },
]

test('without a network, what was never opened says that it will load, and then does', async () => {
  const stories = OFFLINE.map(async ({ name, options, offline, later, back, send, failed }) => {
    await desk.server.send('ines', name, 'Read before')
    await desk.server.send('ines', name, 'Never opened')
    await announce(desk.server, { title: `News for ${name}`, body: 'All is well.' })
    const proxy = await desk.proxy()
    const reader = await desk.person(name, '/inbox', { address: proxy.address, ...options })
    const goBack = () => reader.getByRole('button', { name: back, exact: true }).click()
    await row(reader, 'Read before').click()
    await pane(reader).getByText('About Read before.').waitFor()
    await reader.getByRole('textbox', { name: /ines/ }).fill('An answer')
    proxy.cut()
    // The message covers the list, but not what is said of the connection.
    await banner(reader).getByText(offline).waitFor()
    await reader.getByRole('button', { name: send, exact: true }).click()
    await reader.getByRole('alert').getByText(failed).waitFor()

    await goBack()
    const alert = pane(reader).getByRole('alert')
    const opened = async title => {
      await row(reader, title).click()
      await openTitle(reader, title).waitFor()
      await alert.filter({ hasText: offline }).getByText(later).waitFor()
      await banner(reader).getByText(offline).waitFor()
    }
    await opened('Never opened')
    proxy.mend()
    await pane(reader).getByText('About Never opened.').waitFor()
    await alert.waitFor({ state: 'detached' })
    await banner(reader).getByText(offline).waitFor({ state: 'detached' })

    // So does what is asked for only once.
    await goBack()
    proxy.cut()
    await banner(reader).getByText(offline).waitFor()
    await opened(`News for ${name}`)
    proxy.mend()
    await pane(reader).getByText('All is well.').waitFor()
    await close(reader)
  })
  await Promise.all(stories)
})

test('an inbox that is refused on the first visit says why, and is loaded when it is tried again', async () => {
  await desk.server.send('ines', 'nora', 'Hello')
  let answers
  let mend
  const nora = await desk.person('nora', '/inbox', {
    prepare: async page => {
      answers = await Answers.of(page)
      mend = answers.refuse('InboxStart')
    },
  })
  const refusal = nora.getByRole('alert').filter({ hasText: 'The cellar is flooded.' })
  const again = refusal.getByRole('button', { name: 'Try again' })
  await again.waitFor()
  // It still does not work.
  const refused = nora.waitForResponse(answer =>
    answer.request().postData()?.includes('query InboxStart'),
  )
  await again.click()
  await (await refused).finished()
  await again.waitFor()
  mend()
  await again.click()
  await row(nora, 'Hello').waitFor()
  await refusal.waitFor({ state: 'detached' })
  await desk.server.send('ines', 'nora', 'And it is live')
  await row(nora, 'And it is live').waitFor()
  await close(nora)
})

test('a deactivation is known by its code, whatever the server says in words', async () => {
  for (const [code, words] of [
    ['DEACTIVATED', 'Your organisation has closed this account.'],
    ['DEACTIVATED_NO_REPLY', 'You did not reply in time to a message that required an answer'],
  ]) {
    const kurt = await desk.person('kurt', '/inbox', {
      prepare: async page => (await Answers.of(page)).refuse('Me', code, 'Words for a log.'),
    })
    await kurt.getByRole('heading', { name: 'Your account is deactivated' }).waitFor()
    await kurt.getByText(words).waitFor()
    await close(kurt)
  }
  // By a socket, and in the tabs that have none.
  const first = await desk.person('kurt')
  await first.getByRole('heading', { name: 'Inbox' }).waitFor()
  const second = await first.context().newPage()
  await second.goto(`${first.base}/inbox`)
  await desk.server.send('ines', 'kurt', 'For both')
  for (const page of [first, second]) await row(page, 'For both').waitFor()
  await desk.server.query(
    'the-host',
    'mutation { deactivateUser(input: { user: { externalId: "kurt" } }) { user { id } } }',
    {},
    'admin',
  )
  for (const page of [first, second]) {
    await page.getByRole('heading', { name: 'Your account is deactivated' }).waitFor()
  }
  await close(first)
})
