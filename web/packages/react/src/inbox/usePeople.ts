import { useEffect, useState } from 'react'
import type { InboxItem, Person } from '@tidings/client'
import { FindSendersDocument } from '../generated/documents'
import { useTidings } from '../hooks'

/** The most people that are offered. */
const MOST = 6
/** While somebody types, people are not asked for with each letter. */
const TYPING_MS = 150

/** Who has sent these, each once. */
export function sendersOf(items: readonly InboxItem[]): Person[] {
  const senders = items.flatMap(({ about }) =>
    about?.__typename === 'Message' && about.sender ? [about.sender] : [],
  )
  return once(senders)
}

function once(people: readonly Person[]): Person[] {
  return [...new Map(people.map(person => [person.id, person])).values()]
}

/**
 * People with a name that begins with this, or has such a word: whose messages are here, and whom
 * the reader may write to. Nobody if there is no name.
 */
export function usePeople(name: string | undefined, items: readonly InboxItem[]) {
  const tidings = useTidings()
  const [found, setFound] = useState<{ name: string; people: readonly Person[] }>()
  useEffect(() => {
    if (!name) return
    const abort = new AbortController()
    const ask = async () => {
      // What is no word is not looked for, and without a network there are those who are here.
      const answer = await tidings
        .request(FindSendersDocument, { search: name, first: MOST }, { signal: abort.signal })
        .catch(() => undefined)
      if (!abort.signal.aborted) setFound({ name, people: answer?.people?.nodes ?? [] })
    }
    const timer = setTimeout(() => void ask(), TYPING_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [tidings, name])
  if (name === undefined) return { people: [], isNobody: false }
  const word = name.toLowerCase()
  const isMeant = (person: Person) => ` ${person.name.toLowerCase()}`.includes(` ${word}`)
  const isAnswered = found?.name === name
  const inInbox = tidings.inbox.list().get().items
  const here = sendersOf([...items, ...inInbox]).filter(isMeant)
  const people = once([...here, ...(isAnswered ? found.people : [])]).slice(0, MOST)
  return { people, isNobody: name !== '' && isAnswered && people.length === 0 }
}
