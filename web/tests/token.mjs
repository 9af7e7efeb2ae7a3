// A server in earnest: nobody is signed in before they have pasted a token, which is in TIDINGS_TOKEN. tests/it/graphiql.rs
// runs this.

import assert from 'node:assert/strict'
import { close, complaints, Tab } from './tab.mjs'

const Authorization = `Bearer ${process.env.TIDINGS_TOKEN}`

const alice = await Tab.open()
assert.equal(await alice.user.count(), 0)
await alice.page.getByText('Bearer <token>').waitFor()
await alice.run()
await alice.answers('UNAUTHENTICATED')
await alice.picture('stranger')

// With the token the schema comes, too; and it is for all tabs, also for those that have been open before.
await alice.show('Send')
await alice.page.getByText('Bearer <token>').waitFor()
await alice.show('Inbox')
await alice.pasteHeaders({ Authorization })
await alice.run()
await alice.answers('"name": "alice"')
await alice.showSchema()
for (const tab of ['WhoAmI', 'Send']) {
  await alice.show(tab)
  await alice.page.getByText(Authorization).waitFor()
}
await alice.show('WhoAmI')
await alice.run()
await alice.answers('"viewerRole": "USER"')

// Somebody corrects their token while the schema is still asked for with the wrong one. That refusal is not the last word.
const wrong = 'Bearer wrong'
let correct, ask
const isCorrected = new Promise(resolve => (correct = resolve))
const isAsked = new Promise(resolve => (ask = resolve))
const hasty = await Tab.open(page =>
  page.route('**/graphql', async route => {
    const request = route.request()
    const isSchema = request.postDataJSON().operationName === 'IntrospectionQuery'
    if (isSchema && request.headers().authorization === wrong) {
      ask()
      await isCorrected
    }
    return route.fallback()
  }),
)
await hasty.pasteHeaders({ Authorization: wrong })
await isAsked
await hasty.pasteHeaders({ Authorization })
await hasty.page.getByText(Authorization).waitFor()
correct()
await hasty.hasSchema()

// The browser itself notes each answer that is an error.
assert.deepEqual(
  complaints.filter(complaint => !/status of (401|404)/.test(complaint)),
  [],
)
await close()
