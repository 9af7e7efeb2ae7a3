/**
 * `<tidings-inbox url="https://example.org/graphql">`: the inbox for pages without React, in a shadow
 * DOM of its own.
 *
 * It starts when it has an address and the property `getToken`, and is in a page.
 */

import { type Root, createRoot } from 'react-dom/client'
import { type Tidings, connect } from '@tidings/client'
import { Inbox, InboxPopover, TidingsProvider, labelsFor } from '@tidings/react'
import styles from '@tidings/react/styles.css?inline'
import type { Counts, Item } from './types'

export type { Counts, Item } from './types'

const sheet = new CSSStyleSheet()
sheet.replaceSync(`${styles}
:host { display: block; height: 100%; }
:host([hidden]) { display: none; }
:host([bell]) { display: inline-block; height: auto; }
:host > div, .tidings-provider { height: 100%; }`)

export class TidingsInbox extends HTMLElement {
  static readonly observedAttributes = ['url', 'bell', 'inbox-url', 'lang', 'announcement-pictures']

  #getToken: (() => string | Promise<string>) | undefined
  #client: Tidings | undefined
  #root: Root | undefined
  #stopCounting: (() => void) | undefined

  constructor() {
    super()
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet]
  }

  /** A token of the person who is signed in; asked for again when one has expired. */
  get getToken() {
    return this.#getToken
  }
  set getToken(getToken) {
    this.#getToken = getToken
    this.#restart()
  }

  /** How many items there are; undefined until they are known. */
  get counts(): Counts | undefined {
    return this.#client?.inbox.counts.get()
  }

  /** Ends the connections, and erases what the browser keeps of this person. */
  async signOut() {
    const client = this.#client
    this.#getToken = undefined
    this.#stop()
    await client?.signOut()
  }

  connectedCallback() {
    // Set before the element was defined.
    if (Object.hasOwn(this, 'getToken')) {
      const given = this.getToken
      delete (this as { getToken?: unknown }).getToken
      this.getToken = given
    } else this.#restart()
  }

  disconnectedCallback() {
    this.#stop()
  }

  attributeChangedCallback(name: string) {
    if (name === 'url') this.#restart()
    else this.#render()
  }

  #restart() {
    this.#stop()
    const url = this.getAttribute('url')
    const getToken = this.#getToken
    if (!this.isConnected || !url || !getToken) return
    const client = connect({ url, getToken })
    this.#client = client
    this.#stopCounting = client.inbox.counts.subscribe(() => {
      const detail = client.inbox.counts.get()
      if (detail) this.#tell('countchange', detail)
    })
    const place = document.createElement('div')
    this.shadowRoot?.append(place)
    this.#root = createRoot(place)
    this.#render()
  }

  #stop() {
    this.#stopCounting?.()
    this.#root?.unmount()
    this.#client?.close()
    this.shadowRoot?.replaceChildren()
    this.#stopCounting = this.#root = this.#client = undefined
  }

  #render() {
    if (!this.#client) return
    const lang = this.closest('[lang]')?.getAttribute('lang')
    const inboxUrl = this.getAttribute('inbox-url') ?? undefined
    // Whether the page shows the item itself.
    const isTaken = (item: Item) => !this.#tell('itemclick', item)
    this.#root?.render(
      <TidingsProvider
        client={this.#client}
        labels={labelsFor(lang ? [lang] : navigator.languages)}
        onOpenItem={item => void isTaken(item)}
        announcementPictures={this.hasAttribute('announcement-pictures')}
      >
        {this.hasAttribute('bell') ? (
          <InboxPopover
            inboxHref={inboxUrl}
            itemHref={({ url }) => url ?? inboxUrl ?? '#'}
            onItemClick={item => {
              const url = item.url ?? inboxUrl
              if (!isTaken(item) && url) window.location.assign(url)
            }}
          />
        ) : (
          <Inbox onItemClick={isTaken} />
        )}
      </TidingsProvider>,
    )
  }

  /** Returns false if a listener has prevented what would happen. */
  #tell(name: string, detail: Item | Counts) {
    const event = new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true })
    return this.dispatchEvent(event)
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'tidings-inbox': TidingsInbox
  }
  interface HTMLElementEventMap {
    itemclick: CustomEvent<Item>
    countchange: CustomEvent<Counts>
  }
}

if (!customElements.get('tidings-inbox')) customElements.define('tidings-inbox', TidingsInbox)
