// A server that knows all documents, and takes no others from people.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { client, live, server, shown, shows, until } from './support.mjs'

const MANIFEST = fileURLToPath(new URL('../dist/persisted-documents.json', import.meta.url))

test('everything works with the hashes of the documents alone', async test => {
  const inboxes = await server(test, { TRUSTED_DOCUMENTS: MANIFEST })
  const send = subject =>
    inboxes.query(
      'host',
      'mutation ($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }',
      { input: { subject, body: 'text', to: [{ user: { externalId: 'bob' } }] } },
      'service',
    )
  await inboxes.query(
    'host',
    'mutation { upsertUsers(input: { users: [{ externalId: "bob" }] }) { users { id } } }',
    {},
    'service',
  )
  const { createMessage } = await send('one')
  await assert.rejects(inboxes.query('bob', '{ viewer { id } }'), /FORBIDDEN/)

  const tidings = client(test, inboxes, 'bob', { persisted: true })
  const { inbox } = tidings
  const list = shown(test, inbox.list())
  await shows(list, 'one')
  await live(tidings)
  await send('two')
  await shows(list, 'two', 'one')
  const ids = list.get().items.map(({ id }) => id)
  const thread = shown(test, tidings.thread(createMessage.message.id))
  await until(thread, ({ root, loading }) => root && !loading)
  for (const mark of [
    inbox.markSeen(ids),
    inbox.markRead(ids),
    inbox.markUnread(ids),
    inbox.archive(ids),
    inbox.unarchive(ids),
    inbox.snooze(ids, new Date(Date.now() + 60_000)),
    inbox.unsnooze(ids),
    inbox.markAllSeen(),
    inbox.muteThread(createMessage.message.id),
    inbox.unmuteThread(createMessage.message.id),
    inbox.markThreadRead(createMessage.message.id),
    inbox.markAllRead(),
  ]) {
    await mark.done
  }
  const archived = inbox.archiveAll()
  await archived.done
  await archived.undo()
  await shows(list, 'two', 'one')
  assert.equal(inbox.counts.get().unread, 0)
})
