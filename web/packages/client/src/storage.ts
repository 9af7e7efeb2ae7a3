// Where an inbox is kept between visits: a database of the browser for each person, or memory.

import type { KeptKind, Snapshot, SnapshotChanges, Storage, StoredInbox } from './types.js'

const HEAD = 'head'
const KINDS: readonly KeptKind[] = ['items', 'threads', 'marks']
/** Names of all databases begin with this; it alone is the one that knows who was last here. */
const PREFIX = 'tidings'

/** Gives the result of a request, or what a transaction ends with. */
function promised<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function opened(name: string, stores: readonly string[]): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => {
    for (const store of stores) request.result.createObjectStore(store)
  }
  return promised(request)
}

/** A database in the browser for each person. A page that may not keep anything goes without. */
export function indexedDbStorage(scope: string): Storage {
  return {
    async open(name) {
      try {
        const last = await opened(PREFIX, [HEAD])
        const transaction = last.transaction(HEAD, 'readwrite')
        const store = transaction.objectStore(HEAD)
        const chosen = name ?? (await promised<string | undefined>(store.get(scope)))
        if (chosen !== undefined) await promised(store.put(chosen, scope))
        last.close()
        if (chosen === undefined) return undefined
        const database = await opened(`${PREFIX} ${scope} ${chosen}`, [HEAD, ...KINDS])
        return new Database(chosen, database, scope)
      } catch {
        return undefined
      }
    },
  }
}

class Database implements StoredInbox {
  #isOver = false

  constructor(
    readonly name: string,
    private database: IDBDatabase,
    private scope: string,
  ) {
    // Another tab erases it, or has a newer version of this client.
    database.onversionchange = () => this.close()
  }

  async read(): Promise<Snapshot | undefined> {
    if (this.#isOver) return undefined
    const transaction = this.database.transaction([HEAD, ...KINDS])
    const all = (name: string) => promised(transaction.objectStore(name).getAll())
    const [[head], ...kinds] = await Promise.all([HEAD, ...KINDS].map(all))
    const [items, threads, marks] = kinds
    return { head, items, threads, marks }
  }

  write({ head, clear, put, remove }: SnapshotChanges): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    const transaction = this.database.transaction([HEAD, ...KINDS], 'readwrite')
    if (head !== undefined) transaction.objectStore(HEAD).put(head, HEAD)
    if (clear) transaction.objectStore('items').clear()
    for (const { kind, id, value } of put) transaction.objectStore(kind).put(value, id)
    for (const { kind, id } of remove) transaction.objectStore(kind).delete(id)
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onerror = transaction.onabort = () => reject(transaction.error)
    })
  }

  async erase(): Promise<void> {
    this.close()
    const last = await opened(PREFIX, [HEAD])
    await promised(last.transaction(HEAD, 'readwrite').objectStore(HEAD).delete(this.scope))
    last.close()
    await promised(indexedDB.deleteDatabase(this.database.name))
  }

  close(): void {
    this.#isOver = true
    this.database.close()
  }
}

/** Keeps nothing longer than the page, or the program. */
export function memoryStorage(): Storage {
  const people = new Map<string, StoredInbox>()
  let last: string | undefined
  return {
    async open(name = last) {
      last = name
      if (name === undefined) return undefined
      const known = people.get(name) ?? new Memory(name)
      people.set(name, known)
      return known
    },
  }
}

class Memory implements StoredInbox {
  #head: unknown
  #kinds = { items: new Map(), threads: new Map(), marks: new Map() } as Record<
    KeptKind,
    Map<string, unknown>
  >

  constructor(readonly name: string) {}

  async read(): Promise<Snapshot> {
    const [items, threads, marks] = KINDS.map(kind => [...this.#kinds[kind].values()])
    return { head: this.#head, items, threads, marks }
  }

  async write({ head, clear, put, remove }: SnapshotChanges): Promise<void> {
    if (head !== undefined) this.#head = head
    if (clear) this.#kinds.items.clear()
    for (const { kind, id, value } of put) this.#kinds[kind].set(id, value)
    for (const { kind, id } of remove) this.#kinds[kind].delete(id)
  }

  async erase(): Promise<void> {
    this.#head = undefined
    for (const kind of KINDS) this.#kinds[kind].clear()
  }

  close(): void {}
}
