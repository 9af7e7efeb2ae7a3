// What stands around every page: where one is, what is new, a new message, and who one is.

import {
  Avatar,
  Button,
  ChartIcon,
  CheckIcon,
  ComposeIcon,
  InboxIcon,
  Menu,
  SendIcon,
  SignOutIcon,
  PeopleIcon,
  type MenuItem,
} from '@tidings/react'
import { useEffect, useRef, type ReactNode } from 'react'
import { isHost, useApp, type App } from '../lib/app'
import { setLanguage, setTheme, useLanguage, useTheme, type Theme } from '../lib/appearance'
import { Link } from '../lib/Link'
import { changeQuery, href, useRoute, type Page } from '../lib/router'
import { useTexts } from '../texts'
import { useShortcuts } from './shortcuts'
import { Mark } from './Mark'
import './shell.css'

interface ShellProps {
  /** The bell; the host application has none. */
  bell: ReactNode
  children: ReactNode
}

export function Shell({ bell, children }: ShellProps) {
  const { me } = useApp()
  const { nav, app } = useTexts()
  const { page } = useRoute()
  const compose = () => changeQuery({ compose: 'new' })
  useShortcuts({ compose, mayAdmin: isHost(me) })

  // The focus goes to the page when another one opens, as it would if it were loaded.
  const main = useRef<HTMLElement>(null)
  const shown = useRef(page)
  useEffect(() => {
    if (shown.current !== page) main.current?.focus({ preventScroll: true })
    shown.current = page
  }, [page])

  const pages: { page: Page; label: string; icon: ReactNode }[] = [
    ...(me && !me.viewer
      ? []
      : [{ page: 'inbox' as const, label: nav.inbox, icon: <InboxIcon /> }]),
    { page: 'sent', label: nav.sent, icon: <SendIcon /> },
    ...(isHost(me) ? [{ page: 'admin' as const, label: nav.admin, icon: <ChartIcon /> }] : []),
  ]
  return (
    <div className="tidings app">
      <a className="app-skip" href="#content">
        {nav.skip}
      </a>
      <header className="app-bar">
        <Link className="app-brand" href={href(me && !me.viewer ? 'sent' : 'inbox')}>
          <Mark />
          <span>{app}</span>
        </Link>
        <nav className="app-nav" aria-label={nav.label}>
          {pages.map(each => (
            <Link
              key={each.page}
              href={href(each.page)}
              aria-current={each.page === page ? 'page' : undefined}
            >
              {each.icon}
              <span>{each.label}</span>
            </Link>
          ))}
        </nav>
        <div className="app-bar-end">
          <Button
            kind="main"
            className="tidings-button app-compose"
            onClick={compose}
            icon={<ComposeIcon />}
          >
            <span>{nav.compose}</span>
          </Button>
          {bell}
          <Account />
        </div>
      </header>
      <main id="content" ref={main} tabIndex={-1} className="app-main">
        {children}
      </main>
    </div>
  )
}

function nameOf({ me, tidings }: App): { name: string; avatarUrl: string | null } {
  const owner = tidings.inbox.owner.get()
  return me?.viewer ?? owner ?? { name: me?.role === 'SERVICE' ? '⚙' : '…', avatarUrl: null }
}

function Account() {
  const app = useApp()
  const { nav, languages } = useTexts()
  const theme = useTheme()
  const language = useLanguage()
  const { name, avatarUrl } = nameOf(app)
  const isDemo = app.session.how === 'demo'
  const chosen = (isChosen: boolean) =>
    isChosen ? <CheckIcon /> : <span className="app-no-icon" />
  const themes: MenuItem[] = (['auto', 'light', 'dark'] satisfies Theme[]).map(each => ({
    label: nav.themes[each],
    icon: chosen(each === theme),
    isChosen: each === theme,
    onSelect: () => setTheme(each),
  }))
  const tongues: MenuItem[] = (['en', 'de'] as const).map((each, index) => ({
    label: languages[each],
    icon: chosen(each === language),
    isChosen: each === language,
    isSeparate: index === 0,
    onSelect: () => setLanguage(each),
  }))
  const leave: MenuItem = {
    label: isDemo ? nav.switchPerson : nav.signOut,
    icon: isDemo ? <PeopleIcon /> : <SignOutIcon />,
    isSeparate: true,
    onSelect: () => void app.session.signOut(),
  }
  const label = app.me?.role === 'SERVICE' ? nav.roles.SERVICE : name
  return (
    <Menu
      label={nav.account(label)}
      icon={<Avatar name={name} url={avatarUrl} />}
      items={[...themes, ...tongues, leave]}
    />
  )
}
