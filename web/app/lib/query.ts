// Queries of the pages beside the inbox. What they show is small and asked for when it is shown, so
// there is no cache: a screen holds what it has, and asks again when it is back online.

import type { TidingsError, TypedDocument } from '@tidings/client'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useApp } from './app'

/** What may work if it is tried again. */
const RETRYABLE = new Set(['NETWORK', 'UNAVAILABLE', 'RATE_LIMITED'])
const FIRST_WAIT = 1_000
const LONGEST_WAIT = 30_000

export function isRetryable(error: TidingsError): boolean {
  return RETRYABLE.has(error.code)
}

/** How long to wait before the next attempt, in milliseconds. */
export function waitBefore(attempt: number, error: TidingsError): number {
  if (error.retryAfter !== undefined) return error.retryAfter * 1000
  return Math.min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
}

/** Calls `listener` when the connection is back and something may have been missed. */
function useBackOnline(listener: () => void) {
  const { tidings } = useApp()
  useEffect(() => {
    const ends = [tidings.inbox.on('reconnected', listener), tidings.inbox.on('resync', listener)]
    return () => ends.forEach(end => end())
  }, [tidings, listener])
}

export interface Query<Result> {
  /** The newest answer; while the variables change, still the one before. */
  data: Result | undefined
  error: TidingsError | undefined
  /** There is no answer for these variables yet, and no error. */
  isLoading: boolean
  reload(): void
  /** Puts something newer in place of the answer, such as the payload of a mutation. */
  set(data: Result): void
}

/** Asks a query; null for the variables: not yet. */
export function useQuery<Result, Variables>(
  document: TypedDocument<Result, Variables>,
  variables: Variables | null,
): Query<Result> {
  const { tidings } = useApp()
  const key = variables === null ? null : document.hash + JSON.stringify(variables)
  const [state, setState] = useState<{ key: string | null; data?: Result; error?: TidingsError }>({
    key: null,
  })
  const [round, setRound] = useState(0)
  const asked = useRef(variables)
  useEffect(() => {
    asked.current = variables
  })
  useEffect(() => {
    if (key === null) return
    const aborter = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = (attempt: number) =>
      tidings.request(document, asked.current as Variables, { signal: aborter.signal }).then(
        data => setState({ key, data }),
        (error: TidingsError) => {
          if (aborter.signal.aborted) return
          setState(before => ({ key, error, ...(before.data && { data: before.data }) }))
          if (!isRetryable(error)) return
          timer = setTimeout(() => void ask(attempt + 1), waitBefore(attempt, error))
        },
      )
    void ask(1)
    return () => {
      aborter.abort()
      clearTimeout(timer)
    }
  }, [tidings, document, key, round])
  const reload = useCallback(() => setRound(round => round + 1), [])
  useBackOnline(reload)
  const set = useCallback((data: Result) => setState({ key, data }), [key])
  return {
    data: key === null ? undefined : state.data,
    error: state.key === key ? state.error : undefined,
    isLoading: key !== null && state.key !== key,
    reload,
    set,
  }
}

interface Connection<Node> {
  nodes: readonly Node[]
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
}

export interface Pages<Node> {
  nodes: readonly Node[]
  hasMore: boolean
  /** Nothing is there yet for these variables; older rows stay until something is. */
  isFirst: boolean
  isLoading: boolean
  error: TidingsError | undefined
  loadMore(): void
  /** Loads as much again as there is, without taking away what is shown. */
  reload(): void
  change(change: (nodes: readonly Node[]) => readonly Node[]): void
}

const LARGEST_PAGE = 100

/** A list that grows page by page. `pick` finds it in the answer, and must not change. */
export function usePages<Result, Variables extends { first: number; after?: string | null }, Node>(
  document: TypedDocument<Result, Variables>,
  variables: Variables,
  pick: (result: Result) => Connection<Node> | null | undefined,
): Pages<Node> {
  const { tidings } = useApp()
  const key = document.hash + JSON.stringify(variables)
  const [state, setState] = useState<{
    key: string
    nodes: readonly Node[]
    end: string | null
    error?: TidingsError
  }>({ key: '', nodes: [], end: null })
  const [isLoading, setLoading] = useState(false)
  const asked = useRef({ key, variables, state })
  useEffect(() => {
    asked.current = { key, variables, state }
  })

  const load = useCallback(
    (how: 'first' | 'again' | 'more', signal?: AbortSignal) => {
      const { key, variables, state } = asked.current
      const isMore = how === 'more'
      // Again: what is there, as far as one page can hold it.
      const first =
        how === 'again'
          ? Math.min(Math.max(variables.first, state.nodes.length), LARGEST_PAGE)
          : variables.first
      const after = isMore ? state.end : null
      return tidings
        .request(document, { ...variables, first, after }, { ...(signal && { signal }) })
        .then(result => {
          const page = pick(result)
          if (asked.current.key !== key) return
          setState({
            key,
            nodes: [...(isMore ? state.nodes : []), ...(page?.nodes ?? [])],
            end: page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : null,
          })
        })
    },
    [tidings, document, pick],
  )

  useEffect(() => {
    const aborter = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = (attempt: number) =>
      load('first', aborter.signal).catch((error: TidingsError) => {
        if (aborter.signal.aborted) return
        setState({ key, nodes: [], end: null, error })
        if (!isRetryable(error)) return
        timer = setTimeout(() => void ask(attempt + 1), waitBefore(attempt, error))
      })
    void ask(1)
    return () => {
      aborter.abort()
      clearTimeout(timer)
    }
  }, [load, key])

  const run = useCallback(
    async (how: 'again' | 'more') => {
      setLoading(true)
      try {
        await load(how)
      } catch (error) {
        setState(before => ({ ...before, error: error as TidingsError }))
      } finally {
        setLoading(false)
      }
    },
    [load],
  )
  const reload = useCallback(() => void run('again'), [run])
  const loadMore = useCallback(() => void run('more'), [run])
  useBackOnline(reload)
  // A page may be empty although there are more: the server looked as far as it would.
  const isShort = state.key === key && state.nodes.length === 0 && state.end !== null
  const hasFailed = state.error !== undefined
  useEffect(() => {
    if (isShort && !hasFailed && !isLoading) loadMore()
  }, [isShort, hasFailed, isLoading, loadMore])
  const change = useCallback(
    (change: (nodes: readonly Node[]) => readonly Node[]) =>
      setState(before => ({ ...before, nodes: change(before.nodes) })),
    [],
  )
  const isFirst = state.key !== key
  return {
    nodes: state.nodes,
    hasMore: !isFirst && state.end !== null,
    isFirst,
    isLoading: isFirst || isLoading,
    error: isFirst ? undefined : state.error,
    loadMore,
    reload,
    change,
  }
}
