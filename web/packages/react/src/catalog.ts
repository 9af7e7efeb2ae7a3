/** The words of the server's catalog, asked for once. */

import { useEffect, useState } from 'react'
import type { Tidings } from '@tidings/client'
import { CatalogLabelsDocument, type CatalogLabelsQuery } from './generated/documents'
import { useConnection, useTidings } from './hooks'

export interface Catalog {
  action: (key: string) => string
  reason: (key: string) => string
  category: (key: string) => string
  /** Whether it is known, or could not be loaded. */
  isSettled: boolean
  /** Whether people follow and unfollow by themselves. */
  peopleSubscribe: boolean
  peopleEdit: readonly string[]
}

const EMPTY: Catalog = {
  action: key => key,
  reason: key => key,
  category: key => key,
  isSettled: false,
  peopleSubscribe: false,
  peopleEdit: [],
}

const known = new WeakMap<Tidings, Promise<Catalog>>()

/**
 * Until it is known, and where it cannot be loaded, the keys stand for themselves. What could not be
 * loaded without a network is loaded when there is one.
 */
export function useCatalog(): Catalog {
  const tidings = useTidings()
  const isLive = useConnection().state === 'live'
  const [catalog, setCatalog] = useState(EMPTY)
  useEffect(() => {
    let isOver = false
    load(tidings).then(
      loaded => {
        if (!isOver) setCatalog(loaded)
      },
      () => {
        known.delete(tidings)
        if (!isOver) setCatalog(before => ({ ...before, isSettled: true }))
      },
    )
    return () => void (isOver = true)
  }, [tidings, isLive])
  return catalog
}

function load(tidings: Tidings): Promise<Catalog> {
  const before = known.get(tidings)
  if (before) return before
  const loading = tidings.request(CatalogLabelsDocument, {}).then(catalogOf)
  known.set(tidings, loading)
  return loading
}

function catalogOf({ catalog, server }: CatalogLabelsQuery): Catalog {
  const words = (all: readonly { key: string; label: string }[] = []) => {
    const labels = new Map(all.map(({ key, label }) => [key, label]))
    return (key: string) => labels.get(key) ?? key
  }
  return {
    action: words(catalog?.actions),
    reason: words(catalog?.reasons),
    category: words(catalog?.categories),
    isSettled: true,
    peopleSubscribe: server?.peopleSubscribe ?? false,
    peopleEdit: server?.peopleEdit ?? [],
  }
}
