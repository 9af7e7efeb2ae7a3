/** What the element's events tell. */

export interface Item {
  readonly id: string
  /** `MESSAGE`, `ANNOUNCEMENT`, `ACTIVITY`; more kinds will be added. */
  readonly kind: string
  readonly title: string
  readonly preview: string | null
  /** Where to find it in the host application. */
  readonly url: string | null
  /** Data that the host application sent along. */
  readonly data: unknown
  readonly readAt: string | null
}

export interface Counts {
  readonly active: number
  readonly unread: number
  /** What a badge shows. */
  readonly unseen: number
  readonly snoozed: number
  readonly archived: number
}
