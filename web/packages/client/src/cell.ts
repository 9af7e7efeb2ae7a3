import type { Readable } from './types.js'

/** A value that somebody sets. */
export class Cell<T> implements Readable<T> {
  #value: T
  #listeners = new Set<() => void>()
  /** Called when the first listener comes, and when the last one goes. */
  onUse?: (isUsed: boolean) => void

  constructor(value: T) {
    this.#value = value
  }

  get = (): T => this.#value

  subscribe = (listener: () => void): (() => void) => {
    // The same function may be given twice.
    const call = () => listener()
    this.#listeners.add(call)
    if (this.#listeners.size === 1) this.onUse?.(true)
    return () => {
      if (this.#listeners.delete(call) && this.#listeners.size === 0) this.onUse?.(false)
    }
  }

  get isUsed(): boolean {
    return this.#listeners.size > 0
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Calls listeners by the name of an event. */
export class Events<Details extends object> {
  #listeners = new Map<keyof Details, Set<(details: never) => void>>()

  on<Event extends keyof Details>(
    event: Event,
    listener: (details: Details[Event]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    const call = (details: Details[Event]) => listener(details)
    listeners.add(call)
    return () => listeners.delete(call)
  }

  emit<Event extends keyof Details>(event: Event, details: Details[Event]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      ;(listener as (details: Details[Event]) => void)(details)
    }
  }
}
