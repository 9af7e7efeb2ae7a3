// What happens to an inbox when the server or the network goes away.

import 'fake-indexeddb/auto'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import WebSocket from 'ws'
import { Proxy, client, event, live, server, shown, shows, titles, until } from './support.mjs'

test('a server that is killed and started again: nothing is lost, nothing comes twice', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'one')
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list())
  const arrived = []
  tidings.inbox.on('arrived', ({ items }) => arrived.push(...items.map(({ title }) => title)))
  await live(tidings)

  for (const title of ['two', 'three']) {
    await inboxes.kill()
    await until(tidings.connection, ({ state }) => state === 'offline')
    const reconnected = event(tidings, 'reconnected')
    await inboxes.up()
    await inboxes.send('alice', 'bob', title)
    await reconnected
    await until(list, ({ items }) => items.some(item => item.title === title))
  }
  assert.deepEqual(titles(list), ['three', 'two', 'one'])
  assert.deepEqual(arrived, ['two', 'three'])
})

test('marks without a network are shown, kept, and sent in order when it is back', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  for (const title of ['one', 'two', 'three']) await inboxes.send('alice', 'bob', title)
  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const tidings = client(test, network, 'bob')
  const { inbox } = tidings
  const list = shown(test, inbox.list())
  await shows(list, 'three', 'two', 'one')
  await live(tidings)

  network.cut()
  await until(tidings.connection, ({ state }) => state === 'offline')
  const [three, two, one] = list.get().items.map(({ id }) => id)
  inbox.markRead([one, two])
  inbox.markUnread([two])
  inbox.archive([three])
  const regretted = inbox.archive([one])
  await regretted.undo()
  const last = inbox.snooze([two], new Date(Date.now() + 3_600_000))
  assert.deepEqual(titles(list), ['one'])
  assert.equal(tidings.connection.get().pending, 4)
  assert.ok(inbox.isPending(two))
  await inboxes.send('alice', 'bob', 'four')

  network.mend()
  await last.done
  await shows(list, 'four', 'one')
  const { viewer } = await inboxes.query(
    'bob',
    '{ viewer { inbox { items(filter: { view: ALL }) { nodes { title readAt archivedAt snoozedUntil } } } } }',
  )
  const state = viewer.inbox.items.nodes.map(({ title, readAt, archivedAt, snoozedUntil }) =>
    [title, readAt && 'read', archivedAt && 'archived', snoozedUntil && 'snoozed']
      .filter(Boolean)
      .join(' '),
  )
  assert.deepEqual(state, ['four', 'three archived', 'two snoozed', 'one read'])
  assert.equal(tidings.connection.get().pending, 0)
})

test('a network that says nothing any more counts as cut', async test => {
  const inboxes = await server(test, { LIMITS_PING_INTERVAL: '200ms' })
  await inboxes.people('bob')
  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const tidings = client(test, network, 'bob', { silence: 1_000 })
  const list = shown(test, tidings.inbox.list())
  await live(tidings)

  network.silence()
  await until(tidings.connection, ({ state }) => state === 'offline')
  await inboxes.send('alice', 'bob', 'meanwhile')
  network.mend()
  await shows(list, 'meanwhile')
})

test('what was kept is shown without a network, and continued from its cursor', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  for (const title of ['one', 'two']) await inboxes.send('alice', 'bob', title)
  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const options = { storage: 'indexeddb' }
  const first = client(test, network, 'bob', options)
  const thread = shown(test, first.thread('msg_1'))
  const before = shown(test, first.inbox.list())
  await shows(before, 'two', 'one')
  await until(thread, ({ root }) => root)
  await live(first)
  first.inbox.markRead([before.get().items[1].id])
  await until(first.connection, ({ pending }) => pending === 0)
  await first.inbox.keeper.close()
  first.close()

  network.cut()
  // Not even a token can be had.
  const getToken = () => Promise.reject(new TypeError('fetch failed'))
  const offline = client(test, network, 'bob', { ...options, getToken })
  const list = shown(test, offline.inbox.list())
  await shows(list, 'two', 'one')
  assert.equal(offline.inbox.counts.get().unread, 1)
  assert.equal(offline.inbox.owner.get().externalId, 'bob')
  assert.equal(list.get().isFresh, false)
  const kept = shown(test, offline.thread('msg_1'))
  assert.equal(kept.get().root.subject, 'one')
  offline.inbox.archive([list.get().items[1].id])
  assert.deepEqual(titles(list), ['two'])
  await offline.inbox.keeper.close()
  offline.close()

  await inboxes.send('alice', 'bob', 'three')
  network.mend()
  const again = client(test, network, 'bob', options)
  const resyncs = []
  again.inbox.on('resync', details => resyncs.push(details))
  const after = shown(test, again.inbox.list())
  await shows(after, 'three', 'two')
  await live(again)
  assert.equal(after.get().isFresh, true)
  await until(again.connection, ({ pending }) => pending === 0)
  const query = '{ viewer { inbox { counts { archived active } } } }'
  const { viewer } = await inboxes.query('bob', query)
  assert.deepEqual(viewer.inbox.counts, { archived: 1, active: 2 })
  assert.deepEqual(resyncs, [])

  // Nobody else sees it, and nothing of it is left after signing out.
  const other = client(test, network, 'eve', options)
  const ofOther = shown(test, other.inbox.list())
  await live(other)
  assert.deepEqual(titles(ofOther), [])
  await again.signOut()
  assert.equal(again.connection.get().state, 'signed-out')
  const names = (await indexedDB.databases()).map(({ name }) => name)
  assert.ok(!names.some(name => name.endsWith(' bob')), String(names))
})

test('everything that a list shows is marked, though the inbox has not been told of it', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'one')
  const first = client(test, inboxes, 'bob', { storage: 'indexeddb' })
  await shows(shown(test, first.inbox.list()), 'one')
  await live(first)
  await first.inbox.keeper.close()
  first.close()

  await inboxes.send('alice', 'bob', 'two')
  let release
  const told = new Promise(resolve => (release = resolve))
  class Late extends WebSocket {
    set onmessage(listener) {
      super.onmessage = async event => {
        await told
        listener(event)
      }
    }
  }
  const options = { storage: 'indexeddb', webSocketImpl: Late }
  const again = client(test, inboxes, 'bob', options)
  // This list was not kept: its page comes while the cursor is still that of the last visit.
  const messages = { kinds: ['MESSAGE'] }
  const list = shown(test, again.inbox.list(messages))
  await shows(list, 'two', 'one')
  again.inbox.markAllRead(messages)
  assert.deepEqual(
    list.get().items.filter(({ readAt }) => !readAt),
    [],
  )
  release()
  await live(again)
  await until(again.connection, ({ pending }) => pending === 0)
  const { viewer } = await inboxes.query('bob', '{ viewer { inbox { counts { unread } } } }')
  assert.equal(viewer.inbox.counts.unread, 0)
})

test('what cannot be continued is loaded again, without a word about old items', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  for (const title of ['one', 'two']) await inboxes.send('alice', 'bob', title)
  const backup = inboxes.isSqlite && `${inboxes.file}.backup`
  if (backup) await inboxes.run('backup', backup)
  await inboxes.send('alice', 'bob', 'three')
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list())
  await shows(list, 'three', 'two', 'one')
  await live(tidings)

  await inboxes.kill()
  const arrived = []
  tidings.inbox.on('arrived', details => arrived.push(details))
  const resync = event(tidings, 'resync')
  // The backup knows nothing of the last one.
  if (backup) await inboxes.run('restore', backup)
  else await inboxes.run('new-epoch')
  await inboxes.up()
  assert.deepEqual(await resync, { reason: 'CURSOR_UNKNOWN' })
  await shows(list, ...(backup ? [] : ['three']), 'two', 'one')
  assert.equal(tidings.inbox.counts.get().unread, backup ? 2 : 3)
  await live(tidings)
  assert.deepEqual(arrived, [])
})

test('a mark made offline gives way to what was done elsewhere later', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  for (const title of ['one', 'two', 'three']) await inboxes.send('alice', 'bob', title)
  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const tidings = client(test, network, 'bob')
  const { inbox } = tidings
  const list = shown(test, inbox.list())
  await shows(list, 'three', 'two', 'one')
  await live(tidings)
  const [three, two, one] = list.get().items.map(({ id }) => id)

  network.cut()
  await until(tidings.connection, ({ state }) => state === 'offline')
  const elsewhere = (name, input) =>
    inboxes.query(
      'bob',
      `mutation ($input: ${name === 'snooze' ? 'SnoozeInput' : 'InboxItemsInput'}!) { ${name}(input: $input) { cursor } }`,
      { input },
    )
  // Archived elsewhere before it was snoozed here: the later one counts.
  await elsewhere('archive', { itemIds: [three] })
  const until1 = new Date(Date.now() + 3_600_000)
  inbox.snooze([three], until1)
  // Snoozed here, and then elsewhere for longer.
  inbox.snooze([two], until1)
  const until2 = new Date(Date.now() + 7_200_000)
  await elsewhere('snooze', { itemIds: [two], until: until2.toISOString() })
  inbox.markRead([one])
  const refusals = []
  inbox.on('refused', ({ mark, itemIds, reason }) => refusals.push({ mark, itemIds, reason }))
  network.mend()
  await live(tidings)
  await until(tidings.connection, ({ pending }) => pending === 0)
  assert.deepEqual(refusals, [{ mark: 'snooze', itemIds: [two], reason: 'changed-elsewhere' }])
  await until(inbox.counts, ({ snoozed }) => snoozed === 2)
  const moments = [three, two].map(id => Date.parse(inbox.item(id).get().snoozedUntil))
  assert.deepEqual(moments, [until1.getTime(), until2.getTime()])
  assert.ok(inbox.item(one).get().readAt)
})
