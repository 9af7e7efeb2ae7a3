// Things that arrive in inboxes, many at a time; and what an inbox has according to the server.

import { until } from './desk.mjs'

const BATCH = 10

/**
 * Sends `count` messages, the last of which is the newest: “title 0”, “title 1”, and so on. With
 * `atOnce`, so many batches are sent at a time, but for the first and the last.
 */
export async function flood(server, from, to, count, title, { atOnce = 1 } = {}) {
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, n) =>
    Array.from({ length: Math.min(BATCH, count - n * BATCH) }, (_, i) => n * BATCH + i),
  )
  const send = numbers => {
    const variables = Object.fromEntries(
      numbers.map(n => [
        `m${n}`,
        { subject: `${title} ${n}`, body: `Text ${n}.`, to: [{ user: { externalId: to } }] },
      ]),
    )
    const declared = numbers.map(n => `$m${n}: CreateMessageInput!`)
    const calls = numbers.map(n => `c${n}: createMessage(input: $m${n}) { message { id } }`)
    return server.query(from, `mutation (${declared.join(', ')}) { ${calls.join(' ')} }`, variables)
  }
  const [first, ...others] = batches
  const last = others.pop()
  await send(first)
  while (others.length > 0) await Promise.all(others.splice(0, atOnce).map(send))
  if (last) await send(last)
}

/** The titles of a list of somebody's inbox, newest first. */
export async function titles(server, person, view = 'ACTIVE') {
  const { viewer } = await server.query(
    person,
    `query ($filter: InboxFilter) {
      viewer { inbox { items(first: 100, filter: $filter) { nodes { title readAt } } } }
    }`,
    { filter: { view } },
  )
  return viewer.inbox.items.nodes.map(({ title }) => title)
}

/** Waits until the server knows that somebody has seen all: pages show it before that. */
export const hasSeenAll = (server, person) =>
  until(
    () => server.query(person, '{ viewer { inbox { counts { unseen } } } }'),
    ({ viewer }) => viewer.inbox.counts.unseen === 0,
  )

/** Says something to everybody. */
export const announce = (server, input) =>
  server.query(
    'the-host',
    'mutation ($input: CreateAnnouncementInput!) { createAnnouncement(input: $input) { announcement { id } } }',
    { input },
    'admin',
  )

/** Somebody follows a post, and others comment on it. */
export async function comment(server, { follower, actors, post, preview = 'What about this?' }) {
  const target = { type: 'post', externalId: post, title: post, url: `/posts/${post}` }
  await server.query(
    follower,
    'mutation ($input: SubscribeInput!) { subscribe(input: $input) { subscription { id } } }',
    { input: { target: { type: 'post', externalId: post }, reason: 'create_post' } },
  )
  await server.query(
    'the-host',
    'mutation ($input: CreateActivitiesInput!) { createActivities(input: $input) { activities { id } } }',
    {
      input: {
        activities: actors.map(externalId => ({
          actor: { externalId },
          action: 'comment',
          target,
          data: { preview },
        })),
      },
    },
    'admin',
  )
}
