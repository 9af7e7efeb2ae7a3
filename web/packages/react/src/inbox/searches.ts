/** Searches that somebody has given a name, to come back to them. This browser keeps them. */

import { useEffect, useState } from 'react'
import { useOwner } from '../hooks'
import type { Place } from './place'

export interface SavedSearch {
  name: string
  place: Place
}

interface Known {
  /** Whose they are. */
  of: string | undefined
  searches: readonly SavedSearch[]
}

const PREFIX = 'tidings:searches:'
const MOST = 20
export const LONGEST_NAME = 40

/** What the place of a search is without what is open. */
export function searchOf(place: Place): Place {
  const { view, kind, category, search, sender, after, before } = place
  return { view, kind, category, search, sender, after, before }
}

export function isSame(one: Place, other: Place): boolean {
  return JSON.stringify(searchOf(one)) === JSON.stringify(searchOf(other))
}

/** The saved searches of the person who is signed in, the latest last; none until that is known. */
export function useSearches() {
  const person = useOwner()?.id
  const [{ of, searches }, set] = useState<Known>({ of: undefined, searches: [] })
  if (of !== person) set({ of: person, searches: read(person) })
  useEffect(() => {
    // Another tab has changed them.
    const onStorage = () => set({ of: person, searches: read(person) })
    addEventListener('storage', onStorage)
    return () => removeEventListener('storage', onStorage)
  }, [person])
  const change = (after: readonly SavedSearch[]) => {
    try {
      localStorage.setItem(PREFIX + person, JSON.stringify(after))
    } catch {
      // Without a storage they last as long as the page.
    }
    set({ of: person, searches: after })
  }
  return {
    searches,
    /** Gives a place a name; one that has a name already keeps where it stands in the list. */
    save: (name: string, place: Place) => {
      const saved = { name, place: searchOf(place) }
      const others = searches.filter(one => one.name !== name || isSame(one.place, place))
      const isKnown = others.some(one => isSame(one.place, place))
      const after = isKnown
        ? others.map(one => (isSame(one.place, place) ? saved : one))
        : [...others, saved]
      change(after.slice(-MOST))
    },
    remove: (place: Place) => change(searches.filter(one => !isSame(one.place, place))),
  }
}

function read(person: string | undefined): readonly SavedSearch[] {
  if (!person) return []
  try {
    return JSON.parse(localStorage.getItem(PREFIX + person) ?? '[]') as SavedSearch[]
  } catch {
    return []
  }
}

/** Forgets the saved searches of everybody in this browser: for signing out. */
export function forgetSearches() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX)) localStorage.removeItem(name)
    }
  } catch {
    // There are none.
  }
}
