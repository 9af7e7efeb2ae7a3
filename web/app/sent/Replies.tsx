// What has been answered, as it comes. Answering is for the inbox, where replies arrive.

import { Avatar, Markdown, useDates, useThread } from '@tidings/react'
import { Link } from '../lib/Link'
import { href } from '../lib/router'
import { useTexts } from '../texts'

const DEEPEST = 3

export function Replies({ id }: { id: string }) {
  const { sent, common } = useTexts()
  const dates = useDates()
  const { messages } = useThread(id)
  if (messages.length === 0) return null
  return (
    <section className="app-replies">
      <h3>{sent.replies(messages.length)}</h3>
      <ol>
        {messages.map(({ id, sender, createdAt, body, depth, viewerInboxItem }) => (
          <li key={id} data-depth={Math.min(depth, DEEPEST)}>
            <Avatar name={sender?.name ?? common.system} url={sender?.avatarUrl ?? null} />
            <div>
              <p>
                <b dir="auto">{sender?.name ?? common.system}</b>
                <time dateTime={createdAt} title={dates.full(createdAt)}>
                  {dates.near(createdAt)}
                </time>
                {viewerInboxItem && (
                  <Link href={href('inbox', { item: viewerInboxItem.id, view: 'all' })}>
                    {sent.openThread}
                  </Link>
                )}
              </p>
              <Markdown text={body} />
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}
