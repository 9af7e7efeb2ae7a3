// What the components show, without a browser: made as a server would make them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createElement as element } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { Bell, TidingsProvider, Toasts, de, en, placeOf, queryOf } from '../dist/index.js'

/** A client with this many unseen items, which never change. */
function clientWith(unseen) {
  const readable = value => ({ get: () => value, subscribe: () => () => undefined })
  return {
    inbox: {
      counts: readable({ unseen }),
      owner: readable(undefined),
      on: () => () => undefined,
    },
    connection: readable({ state: 'live', since: 0, pending: 0 }),
  }
}

/** A component as a page of this client shows it. */
function shown(component, { unseen = 0, labels = en } = {}) {
  const provider = { client: clientWith(unseen), labels }
  return renderToStaticMarkup(element(TidingsProvider, provider, component))
}

test('the bell says how much is new, and counts up to 99', () => {
  const bell = (unseen, labels) => shown(element(Bell), { unseen, labels })
  assert.match(bell(0), /aria-label="Inbox, nothing new"/)
  assert.doesNotMatch(bell(0), /tidings-badge/)
  assert.match(bell(1), /aria-label="Inbox, 1 new item"/)
  assert.match(bell(99), />99</)
  assert.match(bell(100), />99\+</)
  assert.match(bell(3, de), /aria-label="Posteingang, 3 neue Einträge"/)
})

test('a host shows its own bell, whose name stays', () => {
  const renderBell = unseen => element('b', null, `${unseen}!`)
  const own = shown(element(Bell, { renderBell }), { unseen: 7 })
  assert.match(own, /<button[^>]*aria-label="Inbox, 7 new items"[^>]*><b>7!<\/b><\/button>/)
})

test('at most three toasts are there at a time, the newest', () => {
  const toasts = new Toasts()
  for (const id of ['1', '2', '3', '4']) toasts.show({ id, title: id })
  assert.deepEqual(
    toasts.get().map(({ title }) => title),
    ['2', '3', '4'],
  )
  // One that is shown again is the newest, and once there.
  toasts.show({ id: '3', title: 'again' })
  assert.deepEqual(
    toasts.get().map(({ title }) => title),
    ['2', '4', 'again'],
  )
})

test('an address brings back all of a place', () => {
  for (const place of [
    { view: 'ACTIVE' },
    { view: 'UNREAD', kind: 'MESSAGE', search: 'a & b', item: 'itm_1' },
    { view: 'ALL', category: 'billing', sender: 'usr_1', preferences: true },
  ]) {
    const found = placeOf(new URLSearchParams(queryOf(place)))
    assert.deepEqual(JSON.parse(JSON.stringify(found)), place)
  }
  // What is in no place is left out.
  const unknown = placeOf(new URLSearchParams('view=mine&kind=x&category=UPPER'))
  assert.deepEqual(JSON.parse(JSON.stringify(unknown)), { view: 'ACTIVE' })
})

test('every label is there in every language', () => {
  const shape = labels =>
    Object.entries(labels)
      .map(([name, value]) =>
        value && typeof value === 'object' && !Array.isArray(value)
          ? `${name} ${Object.keys(value).sort()}`
          : `${name} ${typeof value}`,
      )
      .sort()
  assert.deepEqual(shape(de), shape(en))
})
