// The tabs of one person in one browser: one of them, the leader, has the socket, sends the marks
// and keeps the inbox; the others ask it. Web Locks say who leads: when the leader is closed, or
// its process dies, the next one gets the lock.

/** What tabs tell each other. */
export type TabMessage =
  | { type: 'leading' }
  | { type: 'state'; state: unknown }
  | { type: 'visible'; tab: string; isVisible: boolean }
  | { type: 'follow'; tab: string; id: string; hash: string; text: string; variables: unknown }
  | { type: 'unfollow'; id: string }
  | { type: 'next'; id: string; result: unknown }
  | { type: 'error'; id: string; error: { code: string; message: string } }
  | { type: 'sign-out' }
  | { type: 'inbox'; message: unknown }

export interface Tabs {
  /** This tab's own name. */
  readonly id: string
  readonly isLeader: boolean
  /** Called at once if it leads already. */
  onLeading(listener: () => void): void
  send(message: TabMessage): void
  onMessage(listener: (message: TabMessage) => void): void
  /** Calls `listener` when another tab is gone, however it went. */
  whenGone(tab: string, listener: () => void): void
  close(): void
}

/** The tabs that have the same name, or this one alone. */
export function openTabs(name: string, isShared: boolean): Tabs {
  const canShare = 'BroadcastChannel' in globalThis && globalThis.navigator?.locks !== undefined
  return isShared && canShare ? new SharedTabs(name) : new OneTab()
}

class OneTab implements Tabs {
  readonly id = 'only'
  readonly isLeader = true

  onLeading(listener: () => void): void {
    listener()
  }
  send(): void {}
  onMessage(): void {}
  whenGone(): void {}
  close(): void {}
}

class SharedTabs implements Tabs {
  readonly id = Math.random().toString(36).slice(2)
  isLeader = false
  #name: string
  #channel: BroadcastChannel
  #listeners: (() => void)[] = []
  /** Ends what this tab holds, or waits for. */
  #end = new AbortController()
  #release: (() => void)[] = []
  /** What it said before others could tell that it is there: they would take it for gone. */
  #unsaid: TabMessage[] | undefined = []

  constructor(name: string) {
    this.#name = name
    this.#channel = new BroadcastChannel(name)
    // While this one is held, the tab is there.
    this.#hold(`${name} ${this.id}`, () => {
      const unsaid = this.#unsaid ?? []
      this.#unsaid = undefined
      for (const message of unsaid) this.send(message)
    })
    this.#hold(name, () => {
      this.isLeader = true
      for (const listener of this.#listeners) listener()
      this.send({ type: 'leading' })
    })
  }

  onLeading(listener: () => void): void {
    this.#listeners.push(listener)
    if (this.isLeader) listener()
  }

  send(message: TabMessage): void {
    const isOver = this.#end.signal.aborted
    if (!isOver && this.#unsaid) return void this.#unsaid.push(message)
    if (!isOver) return this.#channel.postMessage(message)
    // Signing out may have closed it before.
    if (message.type !== 'sign-out') return
    const channel = new BroadcastChannel(this.#name)
    channel.postMessage(message)
    channel.close()
  }

  onMessage(listener: (message: TabMessage) => void): void {
    this.#channel.addEventListener('message', ({ data }) => listener(data))
  }

  whenGone(tab: string, listener: () => void): void {
    const { signal } = this.#end
    const isGone = navigator.locks.request(`${this.#name} ${tab}`, { signal }, listener)
    isGone.catch(() => undefined)
  }

  close(): void {
    this.#end.abort()
    for (const release of this.#release) release()
    this.#channel.close()
    this.isLeader = false
  }

  #hold(name: string, granted: () => void): void {
    const { signal } = this.#end
    const request = navigator.locks.request(name, { signal }, () => {
      if (signal.aborted) return
      granted()
      return new Promise<void>(resolve => this.#release.push(resolve))
    })
    // It ends with an error if the tab is closed while it waits.
    request.catch(() => undefined)
  }
}
