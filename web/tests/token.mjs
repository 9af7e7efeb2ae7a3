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

// With the token the schema comes, too.
await alice.pasteHeaders({ Authorization })
await alice.run()
await alice.answers('"name": "alice"')
await alice.showSchema()

// The browser itself notes each answer that is an error.
assert.deepEqual(complaints.filter(complaint => !/status of (401|404)/.test(complaint)), [])
await close()
