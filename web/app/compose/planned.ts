import type { SentMessageQuery } from '../generated/documents'
import { emptyDraft, type Address, type Draft } from './draft'

/** A planned message as a draft. An address whose group was deleted is not there any more. */
export function draftOf(message: NonNullable<SentMessageQuery['message']>): Draft {
  return {
    ...emptyDraft(),
    to: message.sentTo.flatMap(({ audience }): Address[] => {
      if (!audience) return []
      return audience.__typename === 'User'
        ? [{ ...audience, type: 'user' }]
        : [{ ...audience, type: 'group', avatarUrl: null }]
    }),
    subject: message.subject,
    body: message.body,
    expiresAt: message.expiresAt,
    sendAt: message.sendAt,
    reminder: message.reminder && {
      frequency: message.reminder.frequency,
      until: message.reminder.until,
      deactivateNonRepliers: message.reminder.deactivatesNonRepliers,
    },
    url: message.url ?? '',
    actions: message.actions.map(({ label, url, isMain }) => ({ label, url, isMain })),
    category: message.category,
  }
}
