// What the host application and its admins see: `?tab=report|announcements|campaigns|people`.

import { EmptyState } from '@tidings/react'
import { isHost, useApp } from '../lib/app'
import { Link } from '../lib/Link'
import { href, useRoute } from '../lib/router'
import { useTexts } from '../texts'
import { Announcements } from './Announcements'
import { Campaigns } from './Campaigns'
import { People } from './People'
import { Report } from './Report'
import '../sent/sent.css'
import './admin.css'

const TABS = {
  report: Report,
  announcements: Announcements,
  campaigns: Campaigns,
  people: People,
}
type Tab = keyof typeof TABS
const isTab = (text: string | null): text is Tab => text !== null && text in TABS

export default function AdminPage() {
  const { query } = useRoute()
  const { me } = useApp()
  const { admin } = useTexts()
  if (!me) return null
  if (!isHost(me)) return <EmptyState title={admin.forbidden}>{admin.forbiddenText}</EmptyState>
  const asked = query.get('tab')
  const tab = isTab(asked) ? asked : 'report'
  const Content = TABS[tab]
  return (
    <div className="app-admin">
      <h1 className="tidings-hidden">{admin.title}</h1>
      <nav className="app-admin-tabs app-views" aria-label={admin.title}>
        {(Object.keys(TABS) as Tab[]).map(each => (
          <Link
            key={each}
            href={href('admin', { tab: each === 'report' ? null : each })}
            aria-current={each === tab ? 'page' : undefined}
          >
            {admin.tabs[each]}
          </Link>
        ))}
      </nav>
      <div className="app-admin-content">
        <Content />
      </div>
    </div>
  )
}
