/**
 * What this package offers, as types. `connect` (in `index.ts`) gives a {@link Tidings}.
 *
 * Everything that can be shown is a {@link Readable}: a value and a way to hear of its changes, made
 * for React's `useSyncExternalStore` and as easy to use without it.
 */

/** A moment as the server writes it: RFC 3339 in UTC, such as `2026-01-05T09:00:00.123456+00:00`. */
export type Moment = string

/** A value that changes. */
export interface Readable<T> {
  /** The value now: the same object until something in it has changed. */
  get(): T
  /** Calls `listener` after each change; the result ends that. */
  subscribe(listener: () => void): () => void
}

/**
 * A document with the types of its result and variables, as the build makes it from a `.graphql`
 * file. `toString()` is its text. `hash` is the SHA-256 of the text, in hexadecimal.
 */
export interface TypedDocument<Result, Variables> {
  readonly hash: string
  toString(): string
  /** Never set: it carries the types. */
  readonly __types?: (variables: Variables) => Result
}

export interface ConnectOptions {
  /** The address of the API, such as `https://example.org/graphql`; relative to the page's own. */
  url: string
  /**
   * A token of the person who is signed in. Called when one is needed, and again when the server does
   * not accept the last one any more, never more than once at a time. If it rejects, nobody is signed
   * in; or, if the error is a `TypeError` as `fetch` throws it, the network is away.
   */
  getToken(): string | Promise<string>
  /**
   * Where the inbox is kept between visits: in IndexedDB (the default in browsers), or in memory
   * only. Anything else is a storage of your own.
   */
  storage?: 'indexeddb' | 'memory' | Storage
  /**
   * Whom the token belongs to: any text that is different for each person. What is kept for this
   * person is shown before there is a token. Without it, the token's `sub` says who it is; and if
   * there is no token because there is no network, it is whoever was signed in last.
   */
  person?: string
  /** Sends the hashes of documents in place of their texts, for `persisted_documents = "trusted"`. */
  persisted?: boolean
  /**
   * Shares one socket among the tabs of a browser (the default where the browser can). Without it,
   * each tab has its own.
   */
  shareSocket?: boolean
  /** Milliseconds without a visible tab after which the socket is closed; 5 minutes if omitted. */
  hiddenFor?: number
  fetch?: typeof globalThis.fetch
  /** For Node.js before 22: the `WebSocket` of the package `ws`. */
  webSocketImpl?: unknown
}

export interface Tidings {
  /**
   * Runs a query or a mutation. An expired token is replaced and the request repeated, once.
   * Rejects with a {@link TidingsError}.
   */
  request<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables?: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Result>
  /**
   * Follows a subscription until the result is called. After a cut it continues by itself: if its
   * variables have an `after` and its field has a `cursor`, from the last cursor.
   */
  subscribe<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    sink: Sink<Result>,
  ): () => void
  /** The inbox of the person who is signed in. */
  readonly inbox: InboxStore
  /** A thread, by its first message or any message of it. The same store for the same id. */
  thread(rootId: string): ThreadStore
  readonly connection: Readable<Connection>
  /** Ends all connections and timers. What is kept stays for the next visit. */
  close(): void
  /**
   * Ends all connections, in all tabs, and erases what is kept of this person; also the marks that
   * are still to be sent, of which `connection` says how many there are.
   */
  signOut(): Promise<void>
}

export interface Sink<Result> {
  next(result: Result): void
  /** It cannot continue at all, such as when there is no such thread. */
  error?(error: TidingsError): void
}

/**
 * - `connecting`: not there yet, or again.
 * - `live`: connected, and everything that the server knew has arrived.
 * - `offline`: no connection. What is kept can be read and marked.
 * - `polling`: too many sockets are open elsewhere; it asks for changes every 30 seconds.
 * - `paused`: no tab has been visible for a while; it continues when one is.
 * - `signed-out`: `getToken` gave no token that the server accepts.
 * - `deactivated`: the server does not let this person in any more.
 */
export type ConnectionState =
  'connecting' | 'live' | 'offline' | 'polling' | 'paused' | 'signed-out' | 'deactivated'

export interface Connection {
  state: ConnectionState
  /** Since when, in milliseconds as of `Date.now()`. */
  since: number
  /** How many marks are still to be sent. */
  pending: number
  /** When it last came back after being `offline`. */
  reconnectedAt?: number
  /**
   * For `signed-out` and `deactivated`: the server's `extensions.code`, which is
   * `DEACTIVATED_NO_REPLY` if it was a message that required an answer.
   */
  code?: string
  /** For `signed-out` and `deactivated`: what the server said. */
  reason?: string
}

/** What went wrong, of whatever transport. */
export interface TidingsError extends Error {
  readonly name: 'TidingsError'
  /**
   * The server's `extensions.code`, such as `NOT_FOUND`; or `NETWORK` if there was no answer,
   * `ABORTED` if the caller's signal ended it.
   */
  readonly code: string
  /** The input that is wrong, as a path such as `input.until`. */
  readonly field?: string
  /** What the server's log calls this request. */
  readonly requestId?: string
  /** In seconds. */
  readonly retryAfter?: number
}

// ---------------------------------------------------------------------------------------------
// What an inbox shows. All of it is in the fragments of `documents/`.

export type InboxView = 'ACTIVE' | 'UNREAD' | 'SNOOZED' | 'ARCHIVED' | 'ALL'
/** More kinds will be added: show an unknown kind by its title and preview. */
export type InboxItemKind = 'MESSAGE' | 'ANNOUNCEMENT' | 'ACTIVITY'

export interface Person {
  readonly __typename: 'User'
  readonly id: string
  readonly name: string
  readonly avatarUrl: string | null
}

export interface Group {
  readonly __typename: 'Group'
  readonly id: string
  readonly name: string
}

export interface ItemAction {
  readonly label: string
  readonly url: string
  readonly isMain: boolean
}

/** One row of the inbox, and what its pane needs before the body is there. */
export interface InboxItem {
  readonly id: string
  readonly kind: InboxItemKind
  readonly title: string
  readonly preview: string | null
  readonly url: string | null
  readonly data: unknown
  readonly category: string | null
  readonly actions: readonly ItemAction[]
  readonly createdAt: Moment
  /** When it last moved to the top. Lists are in this order. */
  readonly updatedAt: Moment
  readonly seenAt: Moment | null
  readonly readAt: Moment | null
  readonly archivedAt: Moment | null
  readonly snoozedUntil: Moment | null
  readonly remindedAt: Moment | null
  readonly isFinalReminder: boolean
  readonly respondBy: Moment | null
  /** For a message: its thread, the same for all items of the thread. */
  readonly thread: InboxThread | null
  /** Null if it was erased. */
  readonly about: MessageAbout | AnnouncementAbout | ActivitiesAbout | null
}

export interface InboxThread {
  readonly id: string
  /** How many of its messages are in the inbox, in any view. */
  readonly messageCount: number
  readonly unreadCount: number
  readonly isMuted: boolean
}

export interface MessageAbout {
  readonly __typename: 'Message'
  readonly id: string
  /** Null for the system. */
  readonly sender: Person | null
  /** The first message of its thread: pass it to `thread`. */
  readonly root: { readonly id: string }
  /** 0 for the first message of a thread. */
  readonly depth: number
  readonly expiresAt: Moment | null
}

export interface AnnouncementAbout {
  readonly __typename: 'Announcement'
  readonly id: string
  readonly author: Person | null
  readonly expiresAt: Moment | null
}

export interface ActivitiesAbout {
  readonly __typename: 'ActivityGroup'
  readonly id: string
  readonly action: string
  readonly activityCount: number
  readonly actorCount: number
  /** At most 3, most recent first. */
  readonly latestActors: readonly Person[] | null
  readonly reasons: readonly string[]
  readonly target: {
    readonly id: string
    readonly type: string
    readonly externalId: string
    readonly title: string | null
    readonly url: string | null
  }
}

export interface InboxCounts {
  readonly active: number
  readonly unread: number
  readonly unseen: number
  readonly snoozed: number
  readonly archived: number
  readonly unreadByKind: readonly { readonly kind: InboxItemKind; readonly count: number }[]
  readonly unreadByCategory: readonly { readonly category: string; readonly count: number }[]
}

// ---------------------------------------------------------------------------------------------
// The inbox

export interface ListFilter {
  /** `ACTIVE` if omitted. */
  view?: InboxView
  kinds?: readonly InboxItemKind[]
  categories?: readonly string[]
  /** Words to look for. Such a list is asked for again when something changes that may be in it. */
  search?: string
  /** Only the messages of a thread: the id of its first message. */
  thread?: string
  /** Only the messages that a person has sent: their id. */
  sender?: string
  /** Only items with an `updatedAt` at this moment or later. */
  updatedFrom?: Moment
  /** Only items with an `updatedAt` before this moment. */
  updatedBefore?: Moment
}

export interface ListState {
  /** In the order of the server: most recent `updatedAt` first. */
  readonly items: readonly InboxItem[]
  /** Whether there are older ones, which `loadMore` brings. */
  readonly hasMore: boolean
  readonly loading: 'first' | 'more' | undefined
  /** Why the last loading failed; `retry` tries it again. */
  readonly error?: TidingsError
  /** While it is held: how many would come in at the top. */
  readonly waiting: number
  /** Whether it is what the server has, and not only what was kept from the last visit. */
  readonly isFresh: boolean
}

/** One list of the inbox. It loads its first page when somebody subscribes to it. */
export interface ListStore extends Readable<ListState> {
  loadMore(): Promise<void>
  /**
   * From now on nothing comes in at the top and nothing moves there, so that the list does not jump
   * under a reader who has scrolled. What leaves still leaves.
   */
  hold(): void
  /** Lets in what is waiting, and everything from now on. */
  release(): void
  retry(): void
}

/** A mark that is shown already. */
export interface Mark {
  /**
   * When the server has it. Rejects with a {@link TidingsError} if it was refused; the event
   * `refused` says so, too, so it may be left unhandled.
   */
  readonly done: Promise<void>
  /** Takes it back, for the items that nothing else has touched since. */
  undo(): Promise<void>
}

/** The person's own words for what they do. */
export type MarkKind =
  | 'read'
  | 'unread'
  | 'seen'
  | 'archive'
  | 'unarchive'
  | 'snooze'
  | 'unsnooze'
  | 'mute'
  | 'unmute'
  | 'undo'

export interface InboxEvents {
  /** New items, or items that a new activity joined. */
  arrived: { items: readonly InboxItem[] }
  reminded: { items: readonly InboxItem[] }
  /** Items that were removed for good. */
  removed: { itemIds: readonly string[] }
  /** The history could not be continued; everything has been loaded again. */
  resync: { reason: string }
  /** A mark, or a part of it, was taken back. */
  refused: Refusal
  /** It is live again after being `offline`. */
  reconnected: { offlineMilliseconds: number }
}

export interface Refusal {
  mark: MarkKind
  /** The items that it did not change; empty if they are not known. */
  itemIds: readonly string[]
  /**
   * - `changed-elsewhere`: it was made offline, and meanwhile the items were changed elsewhere.
   * - `gone`: the items are no longer in the inbox.
   * - `refused`: the server does not allow it; see `error`.
   */
  reason: 'changed-elsewhere' | 'gone' | 'refused'
  error: TidingsError
}

/** Which items a mark for all changes; see {@link ListFilter}. */
export type BulkFilter = ListFilter

export interface InboxStore {
  /** Undefined until they are known. */
  readonly counts: Readable<InboxCounts | undefined>
  /** The person's own entry; undefined until it is known. */
  readonly owner: Readable<InboxOwner | undefined>
  /** Asks for the owner again: what others change of it is known with the next visit. */
  refreshOwner(): void
  /** A list. The same store for the same filter. */
  list(filter?: ListFilter): ListStore
  /** An item by its id. It is asked for if it is not known; null if there is none. */
  item(id: string): Readable<InboxItem | null | undefined>

  // Marks are shown at once, kept while offline, sent in order, and taken back with the reason if
  // the server refuses them.
  markRead(itemIds: readonly string[]): Mark
  markUnread(itemIds: readonly string[]): Mark
  markSeen(itemIds: readonly string[]): Mark
  archive(itemIds: readonly string[]): Mark
  unarchive(itemIds: readonly string[]): Mark
  snooze(itemIds: readonly string[], until: Date | Moment): Mark
  unsnooze(itemIds: readonly string[]): Mark
  /** These change what has arrived up to now, and nothing that nobody has been shown. */
  markAllRead(filter?: BulkFilter): Mark
  markAllSeen(filter?: BulkFilter): Mark
  archiveAll(filter?: BulkFilter): Mark
  /** All messages of a thread, in any view. */
  markThreadRead(rootId: string): Mark
  muteThread(rootId: string): Mark
  unmuteThread(rootId: string): Mark

  /** Takes back the last mark of this tab that is not older than 8 seconds; undefined if none is. */
  undoLast(): Promise<void> | undefined
  /** Whether an item has marks that are still to be sent. */
  isPending(itemId: string): boolean

  on<Event extends keyof InboxEvents>(
    event: Event,
    listener: (details: InboxEvents[Event]) => void,
  ): () => void
}

export interface InboxOwner {
  readonly id: string
  readonly externalId: string
  readonly name: string
  readonly avatarUrl: string | null
  readonly locale: string | null
  readonly timeZone: string | null
  /** `USER`, `SERVICE` or `ADMIN`. */
  readonly role: string
}

// ---------------------------------------------------------------------------------------------
// Threads

export interface Message {
  readonly id: string
  readonly subject: string
  /** Markdown, as its sender wrote it: sanitise it before you show it as HTML. */
  readonly body: string
  readonly sender: Person | null
  readonly parent: { readonly id: string } | null
  readonly root: { readonly id: string }
  readonly depth: number
  readonly createdAt: Moment
  readonly sendAt: Moment | null
  readonly expiresAt: Moment | null
  readonly url: string | null
  readonly data: unknown
  readonly actions: readonly ItemAction[]
  readonly viewerCanReply: boolean
  readonly viewerInboxItem: { readonly id: string } | null
  /** For the first message of a thread. */
  readonly sentTo?: readonly {
    readonly id: string
    readonly name: string
    readonly audience: Person | Group | null
  }[]
  /** For its sender; null for others. It is as of the last loading: follow it with `subscribe`. */
  readonly readStats: ReadStats | null
}

export interface ReadStats {
  readonly id: string
  readonly recipientCount: number
  readonly seenCount: number
  readonly readCount: number
  readonly readRate: number
}

export interface ThreadState {
  /** Undefined until it is there. */
  readonly root?: Message
  /** The replies; each stands before its own replies, and `depth` says how deep it is. */
  readonly messages: readonly Message[]
  readonly loading: boolean
  readonly error?: TidingsError
}

export interface ReplyInput {
  body: string
  /** The message to reply to; the first message of the thread if omitted. */
  parentId?: string
  /** `EVERYONE` if omitted. */
  scope?: 'EVERYONE' | 'SENDER'
  /** One for each draft, so that a repetition is harmless. Made up if omitted. */
  idempotencyKey?: string
}

/** A thread, which is loaded and followed while somebody subscribes to it. */
export interface ThreadStore extends Readable<ThreadState> {
  /** Sends a reply; it is in the thread when the promise resolves. */
  reply(input: ReplyInput): Promise<Message>
  retry(): void
}

// ---------------------------------------------------------------------------------------------
// What is kept between visits

/** Where the inbox of one person is kept: `indexeddb`, or one of your own. */
export interface Storage {
  /** Opens what is kept under a name; gives the last one that was opened if there is no name. */
  open(name: string | undefined): Promise<StoredInbox | undefined>
}

export interface StoredInbox {
  readonly name: string
  /** Everything; undefined if there is nothing yet. */
  read(): Promise<Snapshot | undefined>
  /** All of it or nothing. */
  write(changes: SnapshotChanges): Promise<void>
  /** Erases everything of this person. */
  erase(): Promise<void>
  close(): void
}

/** What is kept of an inbox: values that can be cloned, each with a name among those of its kind. */
export type KeptKind = 'items' | 'threads' | 'marks'

export interface Snapshot extends Record<KeptKind, unknown[]> {
  /** The cursor, the counts and how far each list is loaded. */
  head?: unknown
}

export interface SnapshotChanges {
  head?: unknown
  /** Removes all items first. */
  clear?: boolean
  put: { kind: KeptKind; id: string; value: unknown }[]
  remove: { kind: KeptKind; id: string }[]
}
