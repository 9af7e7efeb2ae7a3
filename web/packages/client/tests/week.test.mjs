// A week without a network (X7): 200 marks here, 300 arrivals and other changes elsewhere, and the
// server is restored from a backup in between. At the end the page is what a fresh one is, and of
// each mark it is either true or was said that it is not.

import 'fake-indexeddb/auto'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Proxy, client, live, server, shown, until } from './support.mjs'

const MARKS = 200
const ARRIVALS = 300
const BEFORE = 120

test('a week offline, 200 marks, 300 arrivals, and a restored server', async test => {
  const inboxes = await server(test)
  if (!inboxes.isSqlite) return test.skip('PostgreSQL is restored by its own means')
  await inboxes.people('bob', 'alice')
  const send = async titles => {
    // Not all at once: a slow server would say that it has too much to do.
    for (let n = 0; n < titles.length; n += 10) {
      const some = titles.slice(n, n + 10)
      await Promise.all(some.map(title => inboxes.send('alice', 'bob', title)))
    }
  }
  const numbered = (name, from, to) =>
    Array.from({ length: to - from }, (_, n) => name + (from + n))
  await send(numbered('m', 0, BEFORE - 20))
  const backup = `${inboxes.file}.backup`
  await inboxes.run('backup', backup)
  // These are not in the backup; others will have their ids.
  await send(numbered('m', BEFORE - 20, BEFORE))

  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const options = { storage: 'indexeddb' }
  const monday = client(test, network, 'bob', options)
  const all = shown(test, monday.inbox.list({ view: 'ALL' }))
  shown(test, monday.inbox.list())
  await live(monday)
  while (all.get().hasMore || all.get().loading) {
    await until(all, ({ loading }) => !loading)
    await all.loadMore()
  }
  assert.equal(all.get().items.length, BEFORE)
  await monday.inbox.keeper.close()
  monday.close()
  network.cut()

  // The page is opened without a network, and used.
  const tuesday = client(test, network, 'bob', options)
  const offline = shown(test, tuesday.inbox.list({ view: 'ALL' }))
  await until(offline, ({ items }) => items.length === BEFORE)
  const { inbox } = tuesday
  /** What each item should be in the end, by what was done last, and its title. */
  const meant = new Map()
  const items = offline.get().items
  for (let n = 0; n < MARKS; n += 1) {
    const { id, title } = items[(n * 7) % items.length]
    const kind = ['markRead', 'archive', 'markUnread', 'markSeen'][n % 4]
    inbox[kind]([id])
    meant.set(id, { title, ...meant.get(id), ...EFFECTS[kind] })
  }
  assert.equal(tuesday.connection.get().pending, MARKS)
  await tuesday.inbox.keeper.close()
  tuesday.close()

  // Meanwhile: the server goes back to its backup, more arrives, and another device changes things.
  await inboxes.kill()
  await inboxes.run('restore', backup)
  await inboxes.up()
  await send(numbered('later ', 0, ARRIVALS))
  const old = items.filter(({ title }) => /^m\d+$/.test(title)).slice(-40)
  const elsewhere = (name, ids, more = '') =>
    inboxes.query(
      'bob',
      `mutation ($ids: [ID!]!) { ${name}(input: { itemIds: $ids${more} }) { cursor } }`,
      { ids },
    )
  const snoozed = old.slice(0, 10).map(({ id }) => id)
  await elsewhere(
    'snooze',
    snoozed,
    `, until: "${new Date(Date.now() + 86_400_000).toISOString()}"`,
  )
  await elsewhere(
    'archive',
    old.slice(10, 20).map(({ id }) => id),
  )
  await elsewhere(
    'unarchive',
    old.slice(10, 20).map(({ id }) => id),
  )

  // A week later there is a network again.
  network.mend()
  const sunday = client(test, network, 'bob', options)
  const refused = new Set()
  sunday.inbox.on('refused', ({ itemIds }) => itemIds.forEach(id => refused.add(id)))
  const resyncs = []
  sunday.inbox.on('resync', ({ reason }) => resyncs.push(reason))
  const lists = VIEWS.map(view => shown(test, sunday.inbox.list({ view })))
  await live(sunday)
  await until(sunday.connection, ({ pending }) => pending === 0)
  assert.deepEqual(resyncs, ['CURSOR_UNKNOWN'])

  // Nothing was lost without a word.
  const { nodes } = await inboxes.query(
    'bob',
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on InboxItem { id title readAt archivedAt snoozedUntil } } }',
    { ids: [...meant.keys()].slice(0, 100) },
  )
  const rest = await inboxes.query(
    'bob',
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on InboxItem { id title readAt archivedAt snoozedUntil } } }',
    { ids: [...meant.keys()].slice(100) },
  )
  const now = new Map([...nodes, ...rest.nodes].filter(Boolean).map(item => [item.id, item]))
  for (const [id, { title, isRead, isArchived }] of meant) {
    const item = now.get(id)
    if (!item || item.title !== title) {
      assert.ok(refused.has(id), `${title} is gone, and nobody said so`)
      // The item that has its id now was left alone.
      if (item) assert.deepEqual([item.readAt, item.archivedAt], [null, null], item.title)
      continue
    }
    const isTrue =
      (isRead === undefined || isRead === !!item.readAt) &&
      (isArchived === undefined || isArchived === !!item.archivedAt)
    assert.ok(isTrue || refused.has(id), `${title}: a mark was lost without a word`)
  }
  // What was snoozed elsewhere, where no time says when, was not archived over.
  assert.ok(snoozed.every(id => now.get(id) === undefined || now.get(id).snoozedUntil))

  // The page is what a fresh one is.
  const fresh = client(test, inboxes, 'bob')
  const others = VIEWS.map(view => shown(test, fresh.inbox.list({ view })))
  await live(fresh)
  for (const [n, list] of lists.entries()) {
    for (const one of [list, others[n]]) {
      do {
        await until(one, ({ loading }) => !loading)
        await one.loadMore()
      } while (one.get().hasMore)
    }
    assert.deepEqual(list.get().items, others[n].get().items, VIEWS[n])
  }
  assert.deepEqual(sunday.inbox.counts.get(), fresh.inbox.counts.get())
  assert.equal(lists[4].get().items.length, BEFORE - 20 + ARRIVALS)
})

const VIEWS = ['ACTIVE', 'UNREAD', 'SNOOZED', 'ARCHIVED', 'ALL']
const EFFECTS = {
  markRead: { isRead: true },
  markUnread: { isRead: false },
  archive: { isArchived: true },
  markSeen: {},
}
