/**
 * Replies that are not sent yet. A draft has the idempotency key with which it will be sent, so that
 * sending it again after a cut is harmless.
 */

export interface Draft {
  body: string
  scope: 'EVERYONE' | 'SENDER'
  key: string
}

const PREFIX = 'tidings:draft:'

export function emptyDraft(): Draft {
  return { body: '', scope: 'EVERYONE', key: newKey() }
}

/** Also where `crypto.randomUUID` is missing, which is on pages without TLS. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

export function readDraft(person: string, messageId: string): Draft | undefined {
  try {
    const kept = localStorage.getItem(PREFIX + person + ':' + messageId)
    return kept ? (JSON.parse(kept) as Draft) : undefined
  } catch {
    return undefined
  }
}

/** Keeps a draft; one without text is removed. */
export function keepDraft(person: string, messageId: string, draft: Draft) {
  try {
    const name = PREFIX + person + ':' + messageId
    if (draft.body.trim()) localStorage.setItem(name, JSON.stringify(draft))
    else localStorage.removeItem(name)
  } catch {
    // Without a storage it lasts as long as the page.
  }
}

/** Forgets all drafts of this browser: for signing out. */
export function forgetDrafts() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX)) localStorage.removeItem(name)
    }
  } catch {
    // There are none.
  }
}
