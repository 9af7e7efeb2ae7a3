// Clients of a real server, and ways to wait for what they show.

import { after } from 'node:test'
import WebSocket from 'ws'
import { connect } from '../dist/index.js'
import { Server, token } from '../../../tests/support/server.mjs'

export { Proxy } from '../../../tests/support/proxy.mjs'
export { Server, token }

/** A client of somebody, which is closed at the end of the test. */
export function client(test, server, person, options = {}) {
  const tidings = connect({
    url: server.url,
    getToken: () => (server.token ?? token)(person),
    storage: 'memory',
    webSocketImpl: WebSocket,
    ...options,
  })
  test.after(() => tidings.close())
  return tidings
}

/** Starts a server, which ends with the test. */
export async function server(test, settings) {
  const started = await Server.start(settings)
  test.after(() => started.end())
  return started
}

let shared
let offices = 0

/**
 * A server that the tests of a file share; each has people of its own, who have the same names for
 * it. Nobody may announce anything there, or kill it.
 */
export async function office() {
  shared ??= Server.start()
  const inboxes = await shared
  const number = (offices += 1)
  const named = person => `${person}-${number}`
  return {
    url: inboxes.url,
    address: inboxes.address,
    token: (person, options) => token(named(person), options),
    people: (...people) => inboxes.people(...people.map(named)),
    query: (person, ...query) => inboxes.query(named(person), ...query),
    send: (from, to, ...message) => inboxes.send(named(from), named(to), ...message),
  }
}

after(async () => (await shared)?.end())

/** Waits until a value is as it should be, and gives it. */
export function until(readable, isRight) {
  return new Promise(resolve => {
    let stop
    const look = () => {
      const value = readable.get()
      if (!isRight(value)) return
      // It may be right before there is anything to stop.
      queueMicrotask(() => stop())
      resolve(value)
    }
    stop = readable.subscribe(look)
    look()
  })
}

export const live = tidings => until(tidings.connection, ({ state }) => state === 'live')
export const titles = list => list.get().items.map(({ title }) => title)
export const shows = (list, ...wanted) =>
  until(list, ({ items }) => String(items.map(({ title }) => title)) === String(wanted))

/** Waits for an event, and gives its details. */
export const event = (tidings, name) =>
  new Promise(resolve => {
    const stop = tidings.inbox.on(name, details => {
      stop()
      resolve(details)
    })
  })

/** Until the end of a test, whoever waits waits a part of the time only: for waits that are long. */
export function inAHurry(test, part = 20) {
  const { setTimeout } = globalThis
  globalThis.setTimeout = (job, wait, ...rest) => setTimeout(job, wait / part, ...rest)
  test.after(() => (globalThis.setTimeout = setTimeout))
}

/** Keeps a list in use, as a component that shows it would. */
export function shown(test, list) {
  test.after(list.subscribe(() => undefined))
  return list
}
