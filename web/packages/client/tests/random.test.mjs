// Whatever happens to an inbox, each list is what a fresh one would be.
//
// The cases are random, from a seed: `TIDINGS_SEED=<number> node --test tests/random.test.mjs` repeats
// one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Proxy, client, live, server, shown, token, until } from './support.mjs'

const SEED = Number(process.env.TIDINGS_SEED ?? Math.floor(Math.random() * 1e9))
const STEPS = 120

/** mulberry32 */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const FILTERS = [
  { view: 'ACTIVE' },
  { view: 'UNREAD' },
  { view: 'SNOOZED' },
  { view: 'ARCHIVED' },
  { view: 'ALL' },
  { view: 'ACTIVE', kinds: ['MESSAGE'] },
  { view: 'ALL', kinds: ['ANNOUNCEMENT'] },
]

const ITEM =
  'id title readAt seenAt archivedAt snoozedUntil updatedAt thread { unreadCount messageCount isMuted }'
const COUNTS =
  'active unread unseen snoozed archived unreadByKind { kind count } unreadByCategory { category count }'

/** What the server says of a list, in pages as far as the client has loaded it. */
async function fresh(inboxes, filter, wanted) {
  const nodes = []
  let after = null
  let inbox
  do {
    const query = `query ($filter: InboxFilter, $after: String) { viewer { inbox {
      counts { ${COUNTS} } items(first: 100, after: $after, filter: $filter) {
        nodes { ${ITEM} } pageInfo { hasNextPage endCursor } } } } }`
    ;({
      viewer: { inbox },
    } = await inboxes.query('bob', query, { filter, after }))
    nodes.push(...inbox.items.nodes)
    after = inbox.items.pageInfo.endCursor
  } while (inbox.items.pageInfo.hasNextPage && nodes.length < wanted)
  return { counts: inbox.counts, nodes, hasMore: inbox.items.pageInfo.hasNextPage }
}

const plain = items =>
  items.map(({ id, title, readAt, seenAt, archivedAt, snoozedUntil, updatedAt, thread }) => ({
    id,
    title,
    readAt,
    seenAt,
    archivedAt,
    snoozedUntil,
    updatedAt,
    thread: thread && {
      unreadCount: thread.unreadCount,
      messageCount: thread.messageCount,
      isMuted: thread.isMuted,
    },
  }))

/** Compares everything that is shown with what the server has. */
async function compare(inboxes, { inbox }, lists) {
  for (const list of lists) {
    const { sender, ...others } = list.filter
    const filter = { ...others, ...(sender && { sender: { id: sender } }) }
    const { items } = list.get()
    const { counts, nodes, hasMore } = await fresh(inboxes, filter, items.length)
    assert.deepEqual(plain(items), plain(nodes).slice(0, items.length), JSON.stringify(filter))
    // What was behind the last page may have left meanwhile; but it never ends early.
    assert.ok(list.get().hasMore || !(hasMore || nodes.length > items.length))
    assert.deepEqual({ ...inbox.counts.get() }, counts)
  }
}

test(`each list is what a fresh one is, after anything (seed ${SEED})`, async test => {
  const random = randomFrom(SEED)
  const pick = list => list[Math.floor(random() * list.length)]
  const inboxes = await server(test)
  await inboxes.people('bob', 'alice', 'carol')
  const earlier = Array.from({ length: 60 }, (_, n) => `before ${n}`)
  for (let n = 0; n < earlier.length; n += 10) {
    const some = earlier.slice(n, n + 10)
    await Promise.all(some.map(name => inboxes.send('alice', 'bob', name)))
  }
  const network = await Proxy.to(inboxes.address)
  test.after(() => network.end())
  const tidings = client(test, network, 'bob')
  const { inbox } = tidings
  const refusals = []
  inbox.on('refused', refusal => refusals.push(refusal))
  const { viewer } = await inboxes.query('carol', '{ viewer { id } }')
  const filters = [...FILTERS, { view: 'ALL', sender: viewer.id }]
  const lists = filters.map(filter => shown(test, inbox.list(filter)))
  await live(tidings)
  await until(lists[4], ({ items }) => items.length > 0)

  const known = () => lists[4].get().items
  const some = () => {
    const items = known()
    const count = 1 + Math.floor(random() * 3)
    return Array.from({ length: count }, () => pick(items)?.id).filter(Boolean)
  }
  const roots = []
  const soon = () => new Date(Date.now() + 3_600_000 * (1 + Math.floor(random() * 5)))
  const elsewhere = (name, input, type = 'InboxItemsInput') =>
    inboxes.query('bob', `mutation ($input: ${type}!) { ${name}(input: $input) { cursor } }`, {
      input,
    })
  const steps = {
    send: async () =>
      roots.push(await inboxes.send(pick(['alice', 'carol']), 'bob', `new ${roots.length}`)),
    reply: async () => {
      const query =
        'mutation ($input: ReplyToMessageInput!) { replyToMessage(input: $input) { message { id } } }'
      const parentId = pick(roots)
      if (parentId) await inboxes.query('bob', query, { input: { parentId, body: 'yes' } })
    },
    announce: () =>
      inboxes.query(
        'host',
        'mutation ($input: CreateAnnouncementInput!) { createAnnouncement(input: $input) { announcement { id } } }',
        { input: { title: 'news', body: 'news' } },
        'service',
      ),
    expire: async () => {
      const item = pick(known())
      if (item?.about?.__typename !== 'Message') return
      await inboxes
        .query(
          'boss',
          'mutation ($input: UpdateMessageInput!) { updateMessage(input: $input) { message { id } } }',
          { input: { messageId: item.about.id, expiresAt: new Date().toISOString() } },
          'admin',
        )
        .catch(() => undefined)
    },
    elsewhereRead: () => elsewhere('markRead', { itemIds: some() }),
    elsewhereUnread: () => elsewhere('markUnread', { itemIds: some() }),
    elsewhereArchive: () => elsewhere('archive', { itemIds: some() }),
    elsewhereUnarchive: () => elsewhere('unarchive', { itemIds: some() }),
    elsewhereSnooze: () =>
      elsewhere('snooze', { itemIds: some(), until: soon().toISOString() }, 'SnoozeInput'),
    read: () => inbox.markRead(some()),
    unread: () => inbox.markUnread(some()),
    seen: () => inbox.markSeen(some()),
    archive: () => inbox.archive(some()),
    unarchive: () => inbox.unarchive(some()),
    snooze: () => inbox.snooze(some(), soon()),
    unsnooze: () => inbox.unsnooze(some()),
    allSeen: () => inbox.markAllSeen(),
    allRead: () => random() < 0.3 && inbox.markAllRead({ kinds: ['MESSAGE'] }),
    archiveAll: () => random() < 0.2 && inbox.archiveAll({ view: 'UNREAD' }),
    thread: () => roots.length > 0 && inbox.markThreadRead(pick(roots)),
    mute: () => roots.length > 0 && inbox.muteThread(pick(roots)),
    unmute: () => roots.length > 0 && inbox.unmuteThread(pick(roots)),
    undo: () => random() < 0.5 && inbox.undoLast(),
    more: () => pick(lists).loadMore(),
    cut: () => {
      network.cut()
      network.mend()
    },
  }
  const names = Object.keys(steps)
  for (let n = 1; n <= STEPS; n += 1) {
    // What is refused, because an item is gone, is part of it.
    await Promise.resolve(steps[pick(names)]()).catch(error => {
      if (!/no such/.test(error.message)) throw error
    })
    if (n % 20 > 0) continue
    await until(tidings.connection, ({ state, pending }) => state === 'live' && pending === 0)
    // A last word: when it is there, everything before it is.
    const last = `checkpoint ${n}`
    await inboxes.send('carol', 'bob', last)
    await until(
      lists[4],
      ({ items, loading }) => !loading && items.some(({ title }) => title === last),
    )
    for (const list of lists) await until(list, ({ loading }) => !loading)
    await compare(inboxes, tidings, lists)
  }
  for (const { error } of refusals) assert.match(error.message, /no such|no longer|elsewhere/)
})

test('an answer that is older than what was told since does not undo it', async test => {
  const inboxes = await server(test)
  await inboxes.people('bob')
  for (let n = 0; n < 50; n += 1) await inboxes.send('alice', 'bob', `m${n}`)
  let hold
  const slow = async (...request) => {
    const response = await fetch(...request)
    await hold
    return response
  }
  const tidings = client(test, inboxes, 'bob', { fetch: slow, getToken: () => token('bob') })
  const list = shown(test, tidings.inbox.list())
  await until(list, ({ items }) => items.length === 40)
  await live(tidings)

  let release
  hold = new Promise(resolve => (release = resolve))
  const more = list.loadMore()
  // The page has been read by the time that this is answered, or will be; both are the same here.
  const query = '{ viewer { inbox { items(last: 2) { nodes { id } } } } }'
  const { viewer } = await inboxes.query('bob', query)
  const [early, late] = viewer.inbox.items.nodes.map(({ id }) => id)
  const archive = 'mutation ($ids: [ID!]!) { archive(input: { itemIds: $ids }) { cursor } }'
  await inboxes.query('bob', archive, { ids: [early] })
  await until(tidings.inbox.counts, ({ archived }) => archived === 1)
  release()
  await more
  const ids = list.get().items.map(({ id }) => id)
  assert.ok(!ids.includes(early))
  assert.ok(ids.includes(late))
  assert.equal(ids.length, 49)
})
