// What is being written. It is kept in this browser, per person, and sent once: each draft has one
// idempotency key, so that it can be sent again whenever the answer was lost.

import { keep, readKept } from '../lib/kept'
import { newKey } from '../lib/key'
import type { CreateMessageInput, UpdateMessageInput } from '../generated/documents'

export interface Address {
  type: 'user' | 'group'
  id: string
  /** The host application's id. */
  externalId: string
  name: string
  avatarUrl: string | null
  /** Of a group. */
  memberCount?: number
}

export interface DraftReminder {
  frequency: string
  until: 'READ' | 'REPLIED'
  deactivateNonRepliers: boolean
}

export interface DraftAction {
  label: string
  url: string
  isMain: boolean
}

export interface Draft {
  idempotencyKey: string
  to: Address[]
  subject: string
  body: string
  expiresAt: string | null
  sendAt: string | null
  reminder: DraftReminder | null
  url: string
  actions: DraftAction[]
  category: string | null
  /** It is on its way: the server may have it already. */
  isSending: boolean
}

/** The inputs of a draft that can be wrong. */
export type DraftField =
  'to' | 'subject' | 'body' | 'expiresAt' | 'sendAt' | 'reminder' | 'url' | 'actions' | 'category'

const FIELDS: DraftField[] = [
  'to',
  'subject',
  'body',
  'expiresAt',
  'sendAt',
  'reminder',
  'url',
  'actions',
  'category',
]

export function emptyDraft(): Draft {
  return {
    idempotencyKey: newKey(),
    to: [],
    subject: '',
    body: '',
    expiresAt: null,
    sendAt: null,
    reminder: null,
    url: '',
    actions: [],
    category: null,
    isSending: false,
  }
}

/** Whether there is nothing in it that would be missed. */
export function isBlank({ to, subject, body, url, actions }: Draft): boolean {
  return to.length === 0 && !subject.trim() && !body.trim() && !url && actions.length === 0
}

/** The draft that is kept under a name, or a new one. */
export function readDraft(name: string): Draft {
  const kept = readKept(name)
  if (kept === null) return emptyDraft()
  try {
    // What a former version of the page did not have yet.
    return { ...emptyDraft(), ...(JSON.parse(kept) as Draft) }
  } catch {
    return emptyDraft()
  }
}

export function keepDraft(name: string, draft: Draft) {
  keep(name, isBlank(draft) ? null : JSON.stringify(draft))
}

/** Which input a path of the server such as `input.to[0].user` means. */
export function fieldOf(path: string | undefined): DraftField | undefined {
  const names = path?.split(/[.[\]]+/) ?? []
  return FIELDS.find(field => names.includes(field))
}

function contentOf(draft: Draft, isHost: boolean) {
  return {
    to: draft.to.map(({ type, id }) => (type === 'user' ? { user: { id } } : { group: { id } })),
    subject: draft.subject.trim(),
    body: draft.body,
    // Others are not allowed to name them at all.
    ...(isHost && {
      url: draft.url.trim() || null,
      actions: draft.actions.length === 0 ? null : draft.actions,
    }),
  }
}

export function inputOf(draft: Draft, isHost: boolean): CreateMessageInput {
  return {
    ...contentOf(draft, isHost),
    ...(isHost && { category: draft.category }),
    expiresAt: draft.expiresAt,
    sendAt: draft.sendAt,
    reminder: draft.reminder,
    idempotencyKey: draft.idempotencyKey,
  }
}

/** The change of a planned message; a reminder that is as before is not begun anew. */
export function changeOf(
  messageId: string,
  draft: Draft,
  before: Draft,
  isHost: boolean,
): UpdateMessageInput {
  const isSameReminder = JSON.stringify(draft.reminder) === JSON.stringify(before.reminder)
  return {
    messageId,
    ...contentOf(draft, isHost),
    expiresAt: draft.expiresAt,
    sendAt: draft.sendAt ?? new Date().toISOString(),
    ...(!isSameReminder && { reminder: draft.reminder }),
  }
}
