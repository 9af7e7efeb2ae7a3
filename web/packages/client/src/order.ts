// The orders of the server.

import type { InboxItem } from './types.js'

/** Where an item stands in all lists. */
export interface Place {
  readonly updatedAt: string
  readonly id: string
}

/**
 * Sorts newest first, as the server does. Moments of the server have no padding and one offset, so
 * their texts are in the order of time. Ids are numbers, without padding as well.
 */
export function byPlace(one: Place, other: Place): number {
  return (
    compare(other.updatedAt, one.updatedAt) ||
    other.id.length - one.id.length ||
    compare(other.id, one.id)
  )
}

/** Sorts ids by their age. */
export function byId(one: { id: string }, other: { id: string }): number {
  return one.id.length - other.id.length || compare(one.id, other.id)
}

export function placeOf({ updatedAt, id }: InboxItem): Place {
  return { updatedAt, id }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}

/**
 * Whether a cursor of an inbox is at another or behind it. This client belongs to the server, and
 * knows how its cursors are written: the name of the database's state, the number of the change,
 * and an item if only some of that change have been told. Of two states, nothing is known.
 */
export function hasReached(cursor: string | undefined, other: string): boolean {
  const [epoch, number, item] = cursor?.split(':') ?? []
  const [otherEpoch, otherNumber] = other.split(':')
  if (epoch !== otherEpoch) return true
  return Number(number) > Number(otherNumber) || (number === otherNumber && item === undefined)
}

/** The further one of two cursors; the first, if nothing is known of that. */
export function furthest(cursor: string, other: string | undefined): string {
  return other === undefined || hasReached(cursor, other) ? cursor : other
}
