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

// The browser itself notes each answer that is an error.
assert.deepEqual(complaints.filter(complaint => !/status of (401|404)/.test(complaint)), [])
await close()
