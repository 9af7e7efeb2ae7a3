// What a page shows of an inbox, with a real server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Proxy,
  client,
  event,
  inAHurry,
  live,
  office,
  server,
  shown,
  shows,
  titles,
  token,
  until,
} from './support.mjs'

test('what is sent is in the list and in the counts', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'before')
  const { inbox } = client(test, inboxes, 'bob')
  const list = shown(test, inbox.list())

  await shows(list, 'before')
  const arrived = event({ inbox }, 'arrived')
  await inboxes.send('alice', 'bob', 'after')
  await shows(list, 'after', 'before')
  assert.deepEqual(
    (await arrived).items.map(({ title }) => title),
    ['after'],
  )
  const { unread, unseen, active } = inbox.counts.get()
  assert.deepEqual({ unread, unseen, active }, { unread: 2, unseen: 2, active: 2 })
  assert.match(inbox.owner.get().externalId, /^bob-/)
})

test('a mark is shown at once, and stays when the server has it', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'hello')
  const tidings = client(test, inboxes, 'bob')
  const { inbox } = tidings
  const list = shown(test, inbox.list())
  await shows(list, 'hello')
  await live(tidings)

  const [{ id }] = list.get().items
  const mark = inbox.markRead([id])
  assert.ok(list.get().items[0].readAt)
  assert.equal(inbox.counts.get().unread, 0)
  assert.equal(tidings.connection.get().pending, 1)
  await mark.done
  assert.equal(tidings.connection.get().pending, 0)
  const { viewer } = await inboxes.query('bob', '{ viewer { inbox { counts { unread } } } }')
  assert.equal(viewer.inbox.counts.unread, 0)
  // What is shown then is what the server has noted, and it never was anything else in between.
  const seen = []
  test.after(inbox.item(id).subscribe(() => seen.push(inbox.item(id).get().readAt)))
  await inboxes.send('alice', 'bob', 'more')
  await shows(list, 'more', 'hello')
  assert.ok(!seen.includes(null))
})

test('marks are taken back by an undo', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  for (const title of ['one', 'two', 'three']) await inboxes.send('alice', 'bob', title)
  const tidings = client(test, inboxes, 'bob')
  const { inbox } = tidings
  const [list, archived] = [inbox.list(), inbox.list({ view: 'ARCHIVED' })].map(list =>
    shown(test, list),
  )
  await shows(list, 'three', 'two', 'one')
  await live(tidings)

  const ids = list.get().items.map(({ id }) => id)
  const snoozed = inbox.snooze([ids[2]], new Date(Date.now() + 3_600_000))
  await snoozed.done
  const mark = inbox.archive(ids)
  assert.deepEqual(titles(list), [])
  await shows(archived, 'three', 'two', 'one')
  await mark.done
  await mark.undo()
  // The one that was snoozed is snoozed again.
  await shows(list, 'three', 'two')
  await until(inbox.counts, ({ snoozed, archived }) => snoozed === 1 && archived === 0)
  assert.equal(inbox.item(ids[2]).get().archivedAt, null)

  inbox.markAllRead()
  await inbox.undoLast()
  await until(inbox.counts, ({ unread }) => unread === 2)
})

test('a mark that the server refuses is taken back, with the reason', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'hello')
  const tidings = client(test, inboxes, 'bob')
  const { inbox } = tidings
  const list = shown(test, inbox.list())
  await shows(list, 'hello')
  await live(tidings)

  const [{ id }] = list.get().items
  const refused = event(tidings, 'refused')
  const mark = inbox.snooze([id], new Date(Date.now() - 1000))
  await assert.rejects(mark.done, { name: 'TidingsError', code: 'BAD_USER_INPUT', field: 'until' })
  assert.equal((await refused).reason, 'refused')
  assert.deepEqual(titles(list), ['hello'])
  assert.equal(inbox.counts.get().snoozed, 0)
})

test('a list that is held does not move, and says how much is waiting', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  for (const title of ['one', 'two']) await inboxes.send('alice', 'bob', title)
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list())
  await shows(list, 'two', 'one')
  await live(tidings)

  list.hold()
  await inboxes.send('alice', 'bob', 'three')
  await until(list, ({ waiting }) => waiting === 1)
  assert.deepEqual(titles(list), ['two', 'one'])
  const mark = tidings.inbox.archive([list.get().items[1].id])
  assert.deepEqual(titles(list), ['two'])
  await mark.undo()
  await shows(list, 'two', 'one')
  list.release()
  assert.deepEqual(titles(list), ['three', 'two', 'one'])
  assert.equal(list.get().waiting, 0)
})

test('a list comes in pages', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  const names = Array.from({ length: 60 }, (_, n) => `m${n}`)
  for (let n = 0; n < names.length; n += 10) {
    const some = names.slice(n, n + 10)
    await Promise.all(some.map(name => inboxes.send('alice', 'bob', name)))
  }
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list())

  await until(list, ({ items }) => items.length === 40)
  assert.equal(list.get().hasMore, true)
  await list.loadMore()
  assert.equal(list.get().hasMore, false)
  const all = '{ viewer { inbox { items(first: 100) { nodes { title } } } } }'
  const { viewer } = await inboxes.query('bob', all)
  assert.deepEqual(
    titles(list),
    viewer.inbox.items.nodes.map(({ title }) => title),
  )
})

test('a search is run again when something comes that it may find', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  for (const title of ['green apples', 'red pears']) await inboxes.send('alice', 'bob', title)
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list({ search: 'apples' }))
  await shows(list, 'green apples')
  await live(tidings)

  await inboxes.send('alice', 'bob', 'more apples')
  await inboxes.send('alice', 'bob', 'more pears')
  await shows(list, 'more apples', 'green apples')
  tidings.inbox.archive([list.get().items[1].id])
  assert.deepEqual(titles(list), ['more apples'])
})

test('threads grow while one reads them, and can be muted', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  const root = await inboxes.send('alice', 'bob', 'question')
  const tidings = client(test, inboxes, 'bob')
  const list = shown(test, tidings.inbox.list())
  await shows(list, 'question')
  await live(tidings)

  const thread = shown(test, tidings.thread(root))
  await until(thread, ({ root, loading }) => root && !loading)
  assert.equal(thread.get().root.body, 'About question.')
  const mine = await thread.reply({ body: 'my answer' })
  const bodies = () => thread.get().messages.map(({ body, depth }) => `${depth} ${body}`)
  assert.deepEqual(bodies(), ['1 my answer'])
  const reply = (parentId, body) =>
    inboxes.query(
      'alice',
      'mutation ($input: ReplyToMessageInput!) { replyToMessage(input: $input) { message { id } } }',
      { input: { parentId, body } },
    )
  await reply(root, 'to all')
  await reply(mine.id, 'to you')
  await until(thread, ({ messages }) => messages.length === 3)
  assert.deepEqual(bodies(), ['1 my answer', '2 to you', '1 to all'])

  // All items of the thread say the same of it.
  const counts = () => list.get().items.map(({ thread }) => thread.unreadCount)
  await until(list, ({ items }) => items.length === 3)
  await until(list, () => String(counts()) === '3,3,3')
  tidings.inbox.markRead([list.get().items[0].id])
  assert.deepEqual(counts(), [2, 2, 2])
  const mute = tidings.inbox.muteThread(root)
  assert.ok(list.get().items.every(({ thread }) => thread.isMuted))
  await mute.done
  const read = tidings.inbox.markThreadRead(root)
  assert.deepEqual(counts(), [0, 0, 0])
  await read.done
  await reply(root, 'unheard')
  await until(thread, ({ messages }) => messages.length === 4)
  assert.equal(tidings.inbox.counts.get().unread, 0)
  assert.ok(list.get().items.every(({ thread }) => thread.isMuted))
})

test('a reply stays in its thread, though an answer from before it is still on its way', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  const root = await inboxes.send('alice', 'bob', 'question')
  let loads = 0
  let isAsked, release
  const asked = new Promise(resolve => (isAsked = resolve))
  const released = new Promise(resolve => (release = resolve))
  // The thread is loaded at once, and again when it is followed.
  const slowFetch = async (...request) => {
    const answer = await fetch(...request)
    if (/query Thread\b/.test(request[1].body) && (loads += 1) === 2) {
      isAsked()
      await released
    }
    return answer
  }
  const tidings = client(test, inboxes, 'bob', { fetch: slowFetch })
  const thread = shown(test, tidings.thread(root))
  await asked
  await thread.reply({ body: 'answer' })
  const counts = []
  test.after(thread.subscribe(() => counts.push(thread.get().messages.length)))
  release()
  await inboxes.query(
    'alice',
    'mutation ($input: ReplyToMessageInput!) { replyToMessage(input: $input) { message { id } } }',
    { input: { parentId: root, body: 'more' } },
  )
  await until(thread, ({ messages }) => messages.length === 2)
  assert.ok(!counts.includes(0), String(counts))
})

test('an expired token is replaced, once and without a word', async test => {
  const inboxes = await server(test, { AUTH_LEEWAY: '0s' })
  await inboxes.people('bob')
  const lifetimes = [2, 3600]
  let asked = 0
  const getToken = () => token('bob', { seconds: lifetimes[asked++] })
  const tidings = client(test, inboxes, 'bob', { getToken })
  const list = shown(test, tidings.inbox.list())
  await live(tidings)
  const states = []
  test.after(tidings.connection.subscribe(() => states.push(tidings.connection.get().state)))

  await until({ get: () => asked, subscribe: tidings.connection.subscribe }, asked => asked === 2)
  await live(tidings)
  await inboxes.send('alice', 'bob', 'after')
  await shows(list, 'after')
  assert.equal(asked, 2)
  assert.ok(!states.includes('signed-out'))
})

test('a reader without a token that the server accepts is signed out, and back with one', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  inAHurry(test)
  let current = inboxes.token('bob', { secret: 'another-secret-of-at-least-32-bytes' })
  const tidings = client(test, inboxes, 'bob', { getToken: () => current })
  const list = shown(test, tidings.inbox.list())
  await until(tidings.connection, ({ state }) => state === 'signed-out')
  current = inboxes.token('bob')
  await live(tidings)
  await inboxes.send('alice', 'bob', 'welcome')
  await shows(list, 'welcome')
})

test('somebody who is deactivated is told so', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  const tidings = client(test, inboxes, 'bob')
  shown(test, tidings.inbox.list())
  await live(tidings)
  const deactivate =
    'mutation ($id: ID!) { deactivateUser(input: { user: { id: $id } }) { user { id } } }'
  await inboxes.query('boss', deactivate, { id: tidings.inbox.owner.get().id }, 'admin')
  const { code } = await until(tidings.connection, ({ state }) => state === 'deactivated')
  assert.equal(code, 'DEACTIVATED')

  // So is a page that is opened afterwards, though its application gives it the same token again.
  const good = inboxes.token('bob')
  const later = client(test, inboxes, 'bob', { getToken: () => good })
  shown(test, later.inbox.list())
  await until(later.connection, ({ state }) => state !== 'connecting')
  assert.equal(later.connection.get().state, 'deactivated')
})

test('without a place for another socket, changes are asked for', async test => {
  const inboxes = await server(test, { LIMITS_SOCKETS_PER_USER: '1' })
  await inboxes.people('bob')
  const first = client(test, inboxes, 'bob')
  await live(first)
  const second = client(test, inboxes, 'bob')
  const list = shown(test, second.inbox.list())
  await until(second.connection, ({ state }) => state === 'polling')
  await inboxes.send('alice', 'bob', 'hello')
  // It can still mark, and gets its socket when there is room.
  await until(list, ({ loading }) => !loading)
  first.close()
  await live(second)
  await shows(list, 'hello')
})

test('a request says what is wrong with it', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  const tidings = client(test, inboxes, 'bob')
  const document = {
    hash: '',
    toString: () =>
      '{ message(id: "nonsense") { id } nodes(ids: []) { id } people(first: 1000) { nodes { id } } }',
  }
  await assert.rejects(tidings.request(document), ({ code, field, requestId }) => {
    assert.equal(code, 'BAD_USER_INPUT')
    assert.equal(field, 'first')
    assert.ok(requestId)
    return true
  })
  const proxy = await Proxy.to(inboxes.address)
  const cut = client(test, proxy, 'bob')
  await proxy.end()
  await assert.rejects(cut.request(document), { code: 'NETWORK' })
})

test('a token of somebody else is not used for what is shown', async test => {
  const inboxes = await server(test, { AUTH_LEEWAY: '0s' })
  await inboxes.people('bob', 'eve')
  const people = ['bob', 'eve']
  const getToken = () => token(people.shift() ?? 'eve', { seconds: 2 })
  // The second comes when the first has expired, which may be before it was used.
  const tidings = client(test, inboxes, 'bob', { getToken })
  const { reason } = await until(tidings.connection, ({ state }) => state === 'signed-out')
  assert.match(reason, /somebody else/)
})

test('a server that has too much to do is asked again later', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  await inboxes.send('alice', 'bob', 'one')
  const busy = ['UNAVAILABLE', 'RATE_LIMITED']
  const busyFetch = async (...request) => {
    const code = /mutation|InboxPage/.test(request[1].body) && busy.shift()
    if (!code) return fetch(...request)
    return Response.json({ errors: [{ message: 'later', extensions: { code, retryAfter: 0.1 } }] })
  }
  const tidings = client(test, inboxes, 'bob', { fetch: busyFetch })
  await live(tidings)
  const list = shown(test, tidings.inbox.list())
  await until(list, ({ error }) => error?.code === 'UNAVAILABLE')
  await shows(list, 'one')
  await tidings.inbox.archive([list.get().items[0].id]).done
  assert.deepEqual(busy, [])
})

test('a list of what somebody has sent takes in what they send, and is marked as a whole', async test => {
  const inboxes = await office()
  await inboxes.people('bob', 'alice', 'carol')
  await inboxes.send('alice', 'bob', 'from alice')
  await inboxes.send('carol', 'bob', 'from carol')
  const { viewer } = await inboxes.query('alice', '{ viewer { id } }')
  const tidings = client(test, inboxes, 'bob')
  const { inbox } = tidings
  const list = shown(test, inbox.list({ sender: viewer.id }))
  await shows(list, 'from alice')
  await live(tidings)

  const everything = shown(test, inbox.list())
  await inboxes.send('alice', 'bob', 'more from alice')
  await inboxes.send('carol', 'bob', 'more from carol')
  await shows(everything, 'more from carol', 'more from alice', 'from carol', 'from alice')
  assert.deepEqual(titles(list), ['more from alice', 'from alice'])
  await inbox.archiveAll({ sender: viewer.id }).done
  await shows(everything, 'more from carol', 'from carol')
  assert.deepEqual(titles(list), [])
  const answer = await inboxes.query('bob', '{ viewer { inbox { counts { active } } } }')
  assert.equal(answer.viewer.inbox.counts.active, 2)
})

test('a page without items is not the end of a list, and the next one begins where it ended', async test => {
  const inboxes = await office()
  await inboxes.people('bob')
  for (const title of ['one', 'two']) await inboxes.send('alice', 'bob', title)
  const { viewer } = await inboxes.query(
    'bob',
    '{ viewer { inbox { items(first: 1) { nodes { title } pageInfo { endCursor } } } } }',
  )
  const { endCursor } = viewer.inbox.items.pageInfo
  const asked = []
  // A search of a large inbox may look at much, and find nothing yet.
  const first = { nodes: [], pageInfo: { hasNextPage: true, endCursor } }
  const withEmptyPage = async (url, request) => {
    const { variables } = JSON.parse(request.body)
    if (variables.filter?.search !== 'about') return fetch(url, request)
    asked.push(variables.after ?? null)
    if (variables.after) return fetch(url, request)
    return Response.json({ data: { viewer: { id: 'usr_1', inbox: { items: first } } } })
  }
  const tidings = client(test, inboxes, 'bob', { fetch: withEmptyPage })
  await live(tidings)
  await shows(shown(test, tidings.inbox.list({ search: 'about' })), 'one')
  assert.deepEqual(asked, [null, endCursor])
})
