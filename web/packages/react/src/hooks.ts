/** The client's stores as hooks. */

import { useCallback, useEffect, useMemo, useState } from 'react'
import type {
  Connection,
  InboxCounts,
  InboxItem,
  InboxOwner,
  ListFilter,
  ListState,
  ListStore,
  ThreadState,
  ThreadStore,
  Tidings,
  TidingsError,
  TypedDocument,
} from '@tidings/client'
import { useTidingsContext } from './context'
import { useReadable } from './useReadable'

export function useTidings(): Tidings {
  return useTidingsContext().client
}

export function useCounts(): InboxCounts | undefined {
  return useReadable(useTidings().inbox.counts)
}

export function useOwner(): InboxOwner | undefined {
  return useReadable(useTidings().inbox.owner)
}

export function useConnection(): Connection {
  return useReadable(useTidings().connection)
}

/** A list of the inbox, with what can be done to it. */
export function useInbox(filter: ListFilter = {}): ListState & { list: ListStore } {
  const { inbox } = useTidings()
  // The same text means the same list.
  const key = JSON.stringify(filter)
  const list = useMemo(() => inbox.list(JSON.parse(key) as ListFilter), [inbox, key])
  const state = useReadable(list)
  return { ...state, list }
}

/** An item; undefined until it is known, and without an id; null if there is none. */
export function useItem(id: string | undefined): InboxItem | null | undefined {
  const { inbox } = useTidings()
  return useReadable(useMemo(() => (id ? inbox.item(id) : NO_ITEM), [inbox, id]))
}

const NO_ITEM = { get: () => undefined, subscribe: () => () => undefined }

export function useThread(rootId: string): ThreadState & { thread: ThreadStore } {
  const tidings = useTidings()
  const thread = useMemo(() => tidings.thread(rootId), [tidings, rootId])
  const state = useReadable(thread)
  return { ...state, thread }
}

export interface Answer<Result> {
  data?: Result
  error?: TidingsError
  isLoading: boolean
  retry: () => void
}

/**
 * Asks once, and again when the variables change. What it has stays until there is something newer;
 * what may pass is tried again by itself, each time later, and when the connection is back.
 */
export function useDocument<Result, Variables>(
  document: TypedDocument<Result, Variables>,
  variables?: Variables,
): Answer<Result> & { change: (data: Result) => void } {
  const tidings = useTidings()
  const key = JSON.stringify(variables ?? {})
  const [answer, setAnswer] = useState<{ key?: string; data?: Result; error?: TidingsError }>({})
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    tidings
      .request(document, JSON.parse(key) as Variables, { signal: abort.signal })
      .then(data => setAnswer({ key, data }))
      .catch((error: TidingsError) => {
        if (abort.signal.aborted) return
        setAnswer(before => (before.key === key ? { ...before, error } : { key, error }))
        const wait = waitBefore(error, attempt)
        if (wait) timer = setTimeout(() => setAttempt(attempt + 1), wait)
      })
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [tidings, document, key, attempt])
  const retry = useCallback(() => {
    setAnswer(({ key, data }) => ({ key, data }))
    setAttempt(count => count + 1)
  }, [])
  const { error } = answer
  useEffect(() => error && tidings.inbox.on('reconnected', retry), [tidings, error, retry])
  const change = useCallback((data: Result) => setAnswer({ key, data }), [key])
  const isCurrent = answer.key === key
  return {
    data: isCurrent ? answer.data : undefined,
    error: isCurrent ? answer.error : undefined,
    isLoading: !isCurrent || (!answer.data && !answer.error),
    retry,
    change,
  }
}

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 30_000

function waitBefore(error: TidingsError, attempt: number) {
  if (error.retryAfter) return error.retryAfter * 1000
  if (!['NETWORK', 'RATE_LIMITED', 'UNAVAILABLE'].includes(error.code)) return undefined
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS)
}
