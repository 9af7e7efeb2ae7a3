import {
  Avatar,
  BackIcon,
  Banner,
  Button,
  Dialog,
  EmptyState,
  WarningIcon,
  useDates,
  useReason,
} from '@tidings/react'
import type { TidingsError } from '@tidings/client'
import { useState } from 'react'
import {
  EraseAccountDocument,
  OneAccountDocument,
  ReactivateAccountDocument,
  type AccountFieldsFragment,
  type OneAccountQuery,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { Failure } from '../lib/Failure'
import { Field } from '../lib/Field'
import { Link } from '../lib/Link'
import { useNotices } from '../lib/notices'
import { useQuery } from '../lib/query'
import { changeQuery, href } from '../lib/router'
import { Problem } from '../lib/Problem'
import { useFormat, useTexts } from '../texts'
import { DeactivateDialog } from './DeactivateDialog'
import '../compose/form.css'

interface PersonDetailProps {
  id: string
  onChange(account: AccountFieldsFragment): void
}

export function PersonDetail({ id, onChange }: PersonDetailProps) {
  const { people } = useTexts().admin
  const { data, error, reload, set } = useQuery(OneAccountDocument, { ref: { id } })
  if (!data) return error ? <Failure error={error} onRetry={reload} /> : null
  const { user } = data
  if (!user) return <EmptyState title={people.erased} />
  return (
    <Person
      account={user}
      onChange={account => {
        set({ user: { ...user, ...account } })
        onChange(account)
      }}
    />
  )
}

type Account = NonNullable<OneAccountQuery['user']>

interface PersonProps {
  account: Account
  onChange(account: AccountFieldsFragment): void
}

function Person({ account, onChange }: PersonProps) {
  const { admin, common } = useTexts()
  const { people } = admin
  const { tidings, me } = useApp()
  const notices = useNotices()
  const format = useFormat()
  const [asks, setAsks] = useState<'deactivate' | 'erase'>()
  const [error, setError] = useState<TidingsError>()
  const { id, name, externalId, email, avatarUrl, createdAt, locale, timeZone } = account
  const { deactivatedAt, erasedAt, groups, inbox } = account
  const isActive = deactivatedAt === null && erasedAt === null
  const isMe = me?.viewer?.id === id

  const changed = (account: AccountFieldsFragment, title: string) => {
    setError(undefined)
    onChange(account)
    notices.show({ id: 'person', title })
  }
  const reactivate = async () => {
    try {
      const input = { user: { id } }
      const { reactivateUser } = await tidings.request(ReactivateAccountDocument, { input })
      if (reactivateUser) changed(reactivateUser.user, people.done.reactivated)
    } catch (failure) {
      setError(failure as TidingsError)
    }
  }
  const facts: [string, string | null | undefined][] = [
    [people.id, externalId],
    [people.email, email],
    [people.known, format.date(createdAt)],
    [people.language, locale && languageName(locale, format.locale)],
    [people.zone, timeZone?.replaceAll('_', ' ')],
    [
      people.inbox,
      inbox && people.inboxCounts(inbox.counts.active, inbox.counts.unread, inbox.counts.archived),
    ],
  ]
  return (
    <article className="app-item">
      <Button
        kind="quiet"
        className="tidings-button app-item-back"
        icon={<BackIcon />}
        onClick={() => changeQuery({ person: null })}
      >
        {common.back}
      </Button>
      <header className="app-person-head">
        <Avatar name={name} url={avatarUrl} size="large" />
        <div>
          <h2>{name}</h2>
          <span className="tidings-chip" data-kind={isActive ? 'accent' : 'warning'}>
            {erasedAt !== null
              ? people.erased
              : deactivatedAt !== null
                ? people.deactivated
                : people.active}
          </span>
        </div>
      </header>
      {erasedAt === null && deactivatedAt !== null && <Why account={account} />}
      {error && <Problem error={error} />}
      {erasedAt === null && (
        <>
          <dl className="app-facts">
            {facts
              .filter(([, value]) => value)
              .map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            {groups && groups.nodes.length > 0 && (
              <div>
                <dt>{people.groups}</dt>
                <dd>
                  <span className="app-chips">
                    {groups.nodes.map(group => (
                      <span key={group.id} className="tidings-chip">
                        {group.name}
                      </span>
                    ))}
                  </span>
                </dd>
              </div>
            )}
          </dl>
          <div className="app-person-actions">
            {isActive ? (
              <Button disabled={isMe} onClick={() => setAsks('deactivate')}>
                {people.deactivate}
              </Button>
            ) : (
              <Button kind="main" onClick={() => void reactivate()}>
                {people.reactivate}
              </Button>
            )}
            <Button kind="quiet" disabled={isMe} onClick={() => setAsks('erase')}>
              {people.erase}
            </Button>
          </div>
        </>
      )}
      {asks === 'deactivate' && (
        <DeactivateDialog
          account={account}
          onDone={account => changed(account, people.done.deactivated)}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'erase' && (
        <Erase account={account} onDone={onChange} onClose={() => setAsks(undefined)} />
      )}
    </article>
  )
}

/** Since when somebody is shut out, and why. */
function Why({ account }: { account: Account }) {
  const { people } = useTexts().admin
  const dates = useDates()
  const { deactivation } = account
  if (!deactivation) return null
  const { reason, at, detail, message } = deactivation
  return (
    <Banner kind="warning" icon={<WarningIcon />}>
      {`${people.reasons[reason]} ${people.since(dates.near(at))}`}
      {message && (
        <>
          {' '}
          <Link href={href('sent', { item: message.id })}>{message.subject}</Link>
        </>
      )}
      {detail && (
        <>
          <br />
          {people.detail(detail)}
        </>
      )}
    </Banner>
  )
}

interface EraseProps {
  account: Account
  onDone(account: AccountFieldsFragment): void
  onClose(): void
}

/** Erasing asks for the id, letter by letter: there is no way back. */
function Erase({ account, onDone, onClose }: EraseProps) {
  const { admin, common } = useTexts()
  const { people } = admin
  const { tidings } = useApp()
  const notices = useNotices()
  const reasonOf = useReason()
  const [typed, setTyped] = useState('')
  const [messages, setMessages] = useState(false)
  const [isErasing, setErasing] = useState(false)
  const [error, setError] = useState<TidingsError>()
  const { id, name, externalId } = account
  const erase = async () => {
    setErasing(true)
    try {
      const input = { user: { id }, messages }
      const { eraseUser } = await tidings.request(EraseAccountDocument, { input })
      if (!eraseUser) return
      notices.show({
        id: 'person',
        title: eraseUser.isComplete ? people.erasedDone : people.erasing,
      })
      onClose()
      onDone(eraseUser.user)
    } catch (failure) {
      setError(failure as TidingsError)
      setErasing(false)
    }
  }
  return (
    <Dialog
      title={people.eraseTitle(name)}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button
            kind="danger"
            disabled={typed !== externalId || isErasing}
            onClick={() => void erase()}
          >
            {people.eraseDo}
          </Button>
        </>
      }
    >
      <div className="app-form">
        <p>{people.eraseText}</p>
        <label className="app-check">
          <input
            type="checkbox"
            checked={messages}
            onChange={event => setMessages(event.target.checked)}
          />
          <span>{people.eraseMessages}</span>
        </label>
        <Field label={people.eraseType(externalId)} error={error && reasonOf(error)}>
          {attributes => (
            <input
              {...attributes}
              className="tidings-field"
              autoComplete="off"
              spellCheck={false}
              value={typed}
              onChange={event => setTyped(event.target.value)}
            />
          )}
        </Field>
      </div>
    </Dialog>
  )
}

function languageName(tag: string, locale: string): string {
  try {
    return new Intl.DisplayNames(locale, { type: 'language' }).of(tag) ?? tag
  } catch {
    return tag
  }
}
