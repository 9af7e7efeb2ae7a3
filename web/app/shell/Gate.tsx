// The pages before the inbox: choosing a person in the demo, giving a token, and what went wrong.

import { Avatar, Button, usePatience, useReason } from '@tidings/react'
import { useEffect, useId, useState, type FormEvent, type ReactNode } from 'react'
import { demoUsers, type DemoUser } from '../session/demo'
import type { Session, SessionState } from '../session/session'
import { useTexts } from '../texts'
import { Mark } from './Mark'
import './gate.css'

/** The frame of all of them: a heading, a few words, and something to do. */
export function Gate({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <main className="tidings app-gate">
      <section className="app-gate-card">
        <Mark />
        <h1>{title}</h1>
        {children}
      </section>
    </main>
  )
}

/** What to show while nobody is signed in. */
export function SignInGate({ session, state }: { session: Session; state: SessionState }) {
  const { app, signIn } = useTexts()
  const reasonOf = useReason()
  useEffect(() => {
    // Not how much is new for somebody who has left.
    document.title = app
  }, [app])
  switch (state.kind) {
    case 'choose-person':
      return <People session={session} />
    case 'paste-token':
      return <TokenForm session={session} />
    case 'signed-out': {
      const byChoice = state.why === 'by-choice'
      return (
        <Gate title={byChoice ? signIn.outTitle : signIn.notSignedInTitle}>
          <p>{byChoice ? signIn.outIntro : signIn.notSignedInIntro}</p>
          <Button kind="main" onClick={() => void session.begin()}>
            {signIn.again}
          </Button>
        </Gate>
      )
    }
    case 'failed':
      return (
        <Gate title={signIn.failedTitle}>
          <p role="alert">{reasonOf(state.error)}</p>
          <Button kind="main" onClick={() => void session.begin()}>
            {signIn.retry}
          </Button>
        </Gate>
      )
    case 'unreachable':
      return (
        <Gate title={signIn.serverTitle}>
          <p role="status">{signIn.serverIntro}</p>
        </Gate>
      )
    default:
      return <Starting />
  }
}

/** Nothing for a moment: most of the time there is nothing to wait for. */
export function Starting() {
  const { signIn } = useTexts()
  const isLong = usePatience(true)
  return (
    <main className="tidings app-gate" aria-busy="true">
      {isLong && (
        <p className="app-gate-wait" role="status">
          <Mark />
          {signIn.starting}
        </p>
      )}
    </main>
  )
}

function People({ session }: { session: Session }) {
  const { signIn } = useTexts()
  const [users, setUsers] = useState<Known[]>()
  const [failure, setFailure] = useState<Error>()
  const reasonOf = useReason()
  useEffect(() => {
    let isGone = false
    demoUsers().then(
      async users => {
        if (!isGone) setUsers(users.map(user => ({ ...user, full: titleOf(user) })))
        const known = await Promise.all(users.map(know))
        if (!isGone) setUsers(known)
      },
      (error: Error) => setFailure(error),
    )
    return () => {
      isGone = true
    }
  }, [])
  return (
    <main className="tidings app-gate">
      <section className="app-gate-card app-gate-wide">
        <Mark />
        <h1>{signIn.demoTitle}</h1>
        <p>{signIn.demoIntro}</p>
        {failure && <p role="alert">{reasonOf(failure)}</p>}
        <ul className="app-choice">
          {users?.map(user => (
            <li key={user.name}>
              <button type="button" onClick={() => session.beSomebody(user.name)}>
                <Avatar name={user.full} url={user.avatarUrl ?? null} size="large" />
                <span>
                  <b>{user.full}</b>
                  <small>{signIn.roles[user.role]}</small>
                </span>
                {user.unread !== undefined && (
                  <span className="tidings-chip" data-kind={user.unread > 0 ? 'accent' : undefined}>
                    {signIn.unread(user.unread)}
                  </span>
                )}
              </button>
            </li>
          ))}
        </ul>
      </section>
    </main>
  )
}

interface Known extends DemoUser {
  full: string
  unread?: number
}

const WHO = '{viewer{name avatarUrl inbox{counts{unread}}}}'

/** What the demo's list does not say: names, pictures, what waits for them. */
async function know(user: DemoUser): Promise<Known> {
  const answer = await fetch('./graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${user.token}` },
    body: JSON.stringify({ query: WHO }),
  }).then(answer => answer.json())
  const viewer = answer.data?.viewer
  return {
    ...user,
    full: viewer?.name ?? titleOf(user),
    avatarUrl: user.avatarUrl ?? viewer?.avatarUrl ?? null,
    unread: viewer?.inbox?.counts.unread,
  }
}

/** "booking-app" as a name. */
function titleOf({ name }: DemoUser): string {
  return name
    .split('-')
    .map(word => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ')
}

function TokenForm({ session }: { session: Session }) {
  const { signIn } = useTexts()
  const [token, setToken] = useState('')
  const id = useId()
  const use = (event: FormEvent) => {
    event.preventDefault()
    if (token.trim()) session.usePasted(token.trim())
  }
  return (
    <Gate title={signIn.noneTitle}>
      <p>{signIn.noneIntro}</p>
      <pre>
        <code>{signIn.noneCommand}</code>
      </pre>
      <form onSubmit={use}>
        <label htmlFor={id}>{signIn.token}</label>
        <input
          id={id}
          className="tidings-field"
          type="password"
          autoComplete="off"
          aria-describedby={`${id}-says`}
          value={token}
          onChange={event => setToken(event.target.value)}
        />
        <p id={`${id}-says`} className="app-gate-small">
          {signIn.tokenHint}
        </p>
        <Button kind="main" type="submit" disabled={token.trim() === ''}>
          {signIn.open}
        </Button>
      </form>
      <p className="app-gate-small">{signIn.noneSettings}</p>
    </Gate>
  )
}

/** The server does not let this person in any more. */
export function Deactivated({ code, onLeave }: { code: string; onLeave: () => void }) {
  const { signIn } = useTexts()
  const wasSilent = code === 'DEACTIVATED_NO_REPLY'
  return (
    <Gate title={signIn.deactivatedTitle}>
      <p>{wasSilent ? signIn.deactivatedSilence : signIn.deactivatedHost}</p>
      {!wasSilent && <p>{signIn.deactivatedAsk}</p>}
      <div className="app-gate-actions">
        <Button onClick={() => window.location.reload()}>{signIn.retry}</Button>
        <Button kind="quiet" onClick={onLeave}>
          {signIn.another}
        </Button>
      </div>
    </Gate>
  )
}
