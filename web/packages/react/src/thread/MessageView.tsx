import type { Message, ReadStats } from '@tidings/client'
import { useEffect, useState } from 'react'
import { Avatar } from '../base/Avatar'
import { IconButton } from '../base/Button'
import { BellIcon, CheckAllIcon, ReplyIcon } from '../base/Icon'
import { useDates, useNow } from '../format'
import { ReceiptsDocument } from '../generated/documents'
import { useOwner, useTidings } from '../hooks'
import { useLabels } from '../labels/context'
import { Markdown } from '../markdown/Markdown'
import { ItemActions } from '../panes/ItemPane'

export interface MessageViewProps {
  message: Message
  isRoot: boolean
  isNew: boolean
  isAnswered: boolean
  parentName: string | undefined
  onReply?: () => void
  receiptsHref?: (messageId: string) => string
}

/** Deeper replies stand no further in: there is no room for a ladder on a phone. */
const DEEPEST = 3

export function MessageView({ message, isRoot, isNew, isAnswered, ...props }: MessageViewProps) {
  const labels = useLabels()
  const dates = useDates()
  const now = useNow()
  const { sender } = message
  const name = sender?.name ?? labels.system
  return (
    <li
      className="tidings-message"
      part={isNew ? 'message message-new' : 'message'}
      data-depth={Math.min(message.depth, DEEPEST)}
      data-new={isNew || undefined}
      data-answered={isAnswered || undefined}
    >
      <div className="tidings-message-head">
        <Avatar name={name} url={sender?.avatarUrl} icon={sender ? undefined : <BellIcon />} />
        <div>
          <p>
            <b dir="auto">{name}</b>
            <time dateTime={message.createdAt} data-tip={dates.full(message.createdAt)}>
              {dates.near(message.createdAt, now)}
            </time>
          </p>
          <p className="tidings-meta">
            {isRoot ? <Addresses message={message} /> : null}
            {props.parentName ? <span>{labels.replyTo(props.parentName)}</span> : null}
            <Receipts message={message} href={props.receiptsHref?.(message.id)} />
          </p>
        </div>
        {props.onReply ? (
          <IconButton
            size="small"
            label={labels.replyTo(name)}
            icon={<ReplyIcon />}
            onClick={props.onReply}
          />
        ) : null}
      </div>
      <div className="tidings-message-body">
        <Markdown text={message.body} />
        <ItemActions item={message} />
      </div>
    </li>
  )
}

const MOST_NAMES = 3

/** To whom it went: the reader is “you”. */
function Addresses({ message }: { message: Message }) {
  const labels = useLabels()
  const owner = useOwner()
  const names = (message.sentTo ?? []).map(({ name, audience }) =>
    audience?.id === owner?.id ? labels.toYou : name,
  )
  const shown = names.slice(0, MOST_NAMES)
  const others = names.length - shown.length
  if (others > 0) shown.push(labels.andOthers(others))
  const list = new Intl.ListFormat(labels.locale, { type: 'conjunction' })
  return (
    <span>
      {labels.to} {list.format(shown)}
    </span>
  )
}

/** For the sender: how far it has been read, as it is now. */
function Receipts({ message, href }: { message: Message; href: string | undefined }) {
  const labels = useLabels()
  const stats = useReadStats(message)
  if (!stats) return null
  const words = (
    <>
      <CheckAllIcon size="small" />
      {labels.receipts(stats.readCount, stats.recipientCount)}
    </>
  )
  return href ? (
    <a className="tidings-receipts" href={href}>
      {words}
    </a>
  ) : (
    <span className="tidings-receipts">{words}</span>
  )
}

function useReadStats({ id, readStats }: Message): ReadStats | null {
  const tidings = useTidings()
  const [stats, setStats] = useState<ReadStats>()
  const isMine = readStats !== null
  useEffect(() => {
    if (!isMine) return
    return tidings.subscribe(
      ReceiptsDocument,
      { id },
      { next: ({ readStatsUpdated }) => setStats(readStatsUpdated) },
    )
  }, [tidings, id, isMine])
  return stats ?? readStats
}
