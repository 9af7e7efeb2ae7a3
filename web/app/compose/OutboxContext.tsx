import { useDates } from '@tidings/react'
import { createContext, use, useEffect, useMemo, type ReactNode } from 'react'
import { isHost, useApp } from '../lib/app'
import { tell } from '../lib/happened'
import { useNotices } from '../lib/notices'
import { changeQuery, currentRoute, href, navigate } from '../lib/router'
import { useTexts } from '../texts'
import { Outbox } from './outbox'

const Context = createContext<Outbox | undefined>(undefined)

/** Has the person's draft, and sees to it that it is sent, whatever page is shown. */
export function OutboxProvider({ children }: { children: ReactNode }) {
  const { tidings, me } = useApp()
  const { compose } = useTexts()
  const dates = useDates()
  const notices = useNotices()
  const person = me && (me.viewer?.id ?? 'host')
  const host = isHost(me)
  const outbox = useMemo(
    () => (person === undefined ? undefined : new Outbox(tidings, person, host)),
    [tidings, person, host],
  )
  useEffect(() => outbox?.start(), [outbox])
  useEffect(
    () =>
      outbox?.onSent(({ id, sendAt }) => {
        tell('messages')
        if (currentRoute().query.get('compose') === 'new') changeQuery({ compose: null })
        notices.show({
          id: 'sent',
          title: sendAt === null ? compose.sent : compose.planned(dates.near(sendAt)),
          onOpen: () =>
            navigate(href('sent', { item: id, view: sendAt === null ? null : 'planned' })),
        })
      }),
    [outbox, notices, compose, dates],
  )
  return <Context value={outbox}>{children}</Context>
}

export function useOutbox(): Outbox {
  const outbox = use(Context)
  if (!outbox) throw new Error('outside of OutboxProvider, or nobody is known yet')
  return outbox
}
