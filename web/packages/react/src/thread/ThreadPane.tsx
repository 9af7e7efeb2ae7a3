import { useState } from 'react'
import type { InboxItem, Message, MessageAbout } from '@tidings/client'
import { Skeleton, usePatience } from '../base/Skeleton'
import { useOwner, useThread } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'
import { MessageView } from './MessageView'
import { Reply } from './Reply'

export interface ThreadPaneProps {
  item: InboxItem
  about: MessageAbout
  receiptsHref?: (messageId: string) => string
  replyRequest: number
}

/** A thread, each message below the one that it answers. */
export function ThreadPane({ item, about, receiptsHref, replyRequest }: ThreadPaneProps) {
  const labels = useLabels()
  const { root, messages, loading, error, thread } = useThread(about.root.id)
  const person = useOwner()?.id ?? ''
  const isLong = usePatience(loading && !root)
  const [replyTo, setReplyTo] = useState<string>()
  const all = root ? [root, ...messages] : messages
  // Without a choice, the answer is to the newest message that is here because of this item.
  const parent =
    all.find(({ id }) => id === replyTo) ?? all.find(({ id }) => id === about.id) ?? root
  // After the key for a reply, people go on typing, though the thread is still on its way.
  const isAhead = !root && !error && replyRequest > 0
  const replyParent = parent?.viewerCanReply ? parent : isAhead ? about : undefined
  return (
    <div className="tidings-thread">
      <ol className="tidings-messages" aria-label={labels.thread}>
        {all.map(message => (
          <MessageView
            key={message.id}
            message={message}
            isRoot={message === root}
            isNew={message.viewerInboxItem?.id === item.id && !item.readAt}
            isAnswered={message.id === parent?.id && replyTo !== undefined}
            onReply={message.viewerCanReply ? () => setReplyTo(message.id) : undefined}
            parentName={nameOfParent(message, all, labels.system)}
            receiptsHref={receiptsHref}
          />
        ))}
      </ol>
      {isLong ? <Skeleton lines={6} /> : null}
      {error && !root ? (
        <Failed error={error} onRetry={() => thread.retry()} title={labels.threadFailed} />
      ) : null}
      {replyParent ? (
        <Reply
          key={`${person} ${replyParent.id}`}
          person={person}
          parent={replyParent}
          thread={thread}
          request={replyRequest + (replyTo ? 1 : 0)}
          onDone={() => setReplyTo(undefined)}
        />
      ) : null}
    </div>
  )
}

/** Whom a reply answers, where that is not the message right above it. */
function nameOfParent(message: Message, all: readonly Message[], system: string) {
  if (message.depth < 2) return undefined
  const parent = all.find(({ id }) => id === message.parent?.id)
  return parent && (parent.sender?.name ?? system)
}
