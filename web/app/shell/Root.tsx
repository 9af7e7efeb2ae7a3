import {
  ConnectionBanner,
  InboxPopover,
  TidingsProvider,
  ToastList,
  Toasts,
  useLabels,
  usePageBadge,
} from '@tidings/react'
import type { InboxItem } from '@tidings/client'
import { lazy, Suspense, useMemo, useState, useSyncExternalStore } from 'react'
import { OutboxProvider } from '../compose/OutboxContext'
import { MeDocument, type MeQuery } from '../generated/documents'
import { InboxPage } from '../inbox/InboxPage'
import { AppContext, useApp, type App, type Me } from '../lib/app'
import { NoticesContext } from '../lib/notices'
import { useQuery } from '../lib/query'
import { changeQuery, href, navigate, useRoute } from '../lib/router'
import type { Session, SessionState } from '../session/session'
import { useTexts } from '../texts'
import { Deactivated, SignInGate } from './Gate'
import { Shell } from './Shell'

// What not everybody opens is loaded when it is opened.
const SentPage = lazy(() => import('../sent/SentPage'))
const AdminPage = lazy(() => import('../admin/AdminPage'))
const Compose = lazy(() => import('../compose/Compose'))

/** Somebody's pages, or the way in. */
export function Root({ session }: { session: Session }) {
  const state = useSyncExternalStore(session.subscribe, session.get)
  if (state.kind === 'deactivated') {
    return <Deactivated code={state.code} onLeave={() => void state.session.signOut()} />
  }
  if (state.kind !== 'signed-in') return <SignInGate session={session} state={state} />
  // Nothing of one person is shown to the next.
  return (
    <SignedInApp
      key={session.round}
      state={state}
      announcementPictures={session.config?.announcementPictures ?? false}
    />
  )
}

interface SignedInAppProps {
  state: Extract<SessionState, { kind: 'signed-in' }>
  announcementPictures: boolean
}

function SignedInApp({ state, announcementPictures }: SignedInAppProps) {
  const { tidings, session } = state
  const labels = useLabels()
  const [toasts] = useState(() => new Toasts())
  const app = useMemo(() => ({ tidings, session, me: undefined }), [tidings, session])
  return (
    <TidingsProvider
      client={tidings}
      labels={labels}
      toasts={toasts}
      onOpenItem={openItem}
      announcementPictures={announcementPictures}
    >
      <AppContext value={app}>
        <NoticesContext value={toasts}>
          <Known />
          <div className="tidings">
            <ToastList toasts={toasts} />
          </div>
        </NoticesContext>
      </AppContext>
    </TidingsProvider>
  )
}

function openItem({ id }: InboxItem) {
  navigate(href('inbox', { item: id }))
}

/** Asks who this is, and shows the pages without waiting for the answer. */
function Known() {
  const before = useApp()
  const { data } = useQuery(MeDocument, NOTHING)
  const app = useMemo<App>(() => ({ ...before, me: data && meOf(data) }), [before, data])
  return (
    <AppContext value={app}>
      <OutboxProvider>
        <Pages />
      </OutboxProvider>
    </AppContext>
  )
}

const NOTHING = {}

function meOf({ viewer, viewerRole, server }: MeQuery): Me | undefined {
  return viewerRole && server ? { viewer, server, role: viewerRole } : undefined
}

function Pages() {
  const { me } = useApp()
  const { nav, app } = useTexts()
  const { page, query } = useRoute()
  const compose = query.get('compose')
  const isService = me !== undefined && me.viewer === null
  return (
    <Shell bell={!isService && <Bell />}>
      {page !== 'inbox' && <Beside title={`${nav[page]} · ${app}`} />}
      <Suspense>
        {page === 'admin' ? (
          <AdminPage />
        ) : page === 'sent' || isService ? (
          <SentPage />
        ) : (
          <InboxPage />
        )}
      </Suspense>
      {compose !== null && (
        <Suspense>
          <Compose key={compose} id={compose} onClose={() => changeQuery({ compose: null })} />
        </Suspense>
      )}
    </Shell>
  )
}

/** What the inbox has by itself, on the other pages: how much is new, and whether it is connected. */
function Beside({ title }: { title: string }) {
  usePageBadge(title)
  return <ConnectionBanner />
}

function Bell() {
  return (
    <InboxPopover
      inboxHref={href('inbox')}
      itemHref={({ id }) => href('inbox', { item: id })}
      onOpenInbox={() => navigate(href('inbox'))}
      onOpenPreferences={() => navigate('./inbox?preferences')}
    />
  )
}
