import type { TidingsError } from '@tidings/client'
import type { Me } from '../lib/app'
import type { Texts } from '../texts'
import { fieldOf, type Draft, type DraftField } from './draft'

export type Problems = Partial<Record<DraftField, string>>

/** What can be known to be wrong without asking the server. */
export function problemsOf(draft: Draft, me: Me, { compose }: Texts): Problems {
  const { limits } = me.server
  const problems: Problems = {}
  const now = Date.now()
  const at = (moment: string | null) => (moment === null ? undefined : Date.parse(moment))
  const expires = at(draft.expiresAt)
  const sends = at(draft.sendAt)
  if (draft.to.length === 0) problems.to = compose.needTo
  if (!draft.subject.trim()) problems.subject = compose.needSubject
  if ([...draft.subject].length > limits.subject) problems.subject = compose.tooLong(limits.subject)
  if (new TextEncoder().encode(draft.body).length > limits.body) {
    problems.body = compose.tooLong(limits.body)
  }
  if (expires !== undefined && expires <= now) problems.expiresAt = compose.inPast
  if (sends !== undefined && sends <= now) problems.sendAt = compose.inPast
  if (expires !== undefined && sends !== undefined && expires <= sends) {
    problems.expiresAt = compose.beforeSend
  }
  if (draft.actions.some(({ label, url }) => !label.trim() || !url.trim())) {
    problems.actions = compose.needUrl
  }
  return problems
}

/** What the server found wrong, at the input that it names; undefined if it names none. */
export function problemOf(error: TidingsError): Problems | undefined {
  const field = fieldOf(error.field)
  return field && { [field]: error.message }
}
