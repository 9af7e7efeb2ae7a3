// Everybody who is known, whether they may use their inbox, and why not: `?person=<id>`, `?q=`,
// `?state=deactivated`.

import { Avatar, Button, EmptyState, PersonIcon, Skeleton, usePatience } from '@tidings/react'
import { useMemo } from 'react'
import {
  AccountsDocument,
  type AccountFieldsFragment,
  type AccountsQuery,
} from '../generated/documents'
import { Failure } from '../lib/Failure'
import { Link } from '../lib/Link'
import { usePages } from '../lib/query'
import { href, useRoute } from '../lib/router'
import { SearchField } from '../lib/SearchField'
import { useSettled } from '../lib/settled'
import { StateLinks, useStateOf } from '../lib/StateLinks'
import { useTexts } from '../texts'
import { PersonDetail } from './PersonDetail'

const PAGE = 40
const STATES = { all: null, active: 'ACTIVE', deactivated: 'DEACTIVATED' } as const
const accountsOf = (result: AccountsQuery) => result.users

export function People() {
  const { query } = useRoute()
  const { admin, common } = useTexts()
  const { people } = admin
  const q = query.get('q') ?? ''
  const person = query.get('person')
  const search = useSettled(q)
  const state = useStateOf('state', people.states)
  const variables = useMemo(
    () => ({ first: PAGE, search: search || null, state: STATES[state] }),
    [search, state],
  )
  const pages = usePages(AccountsDocument, variables, accountsOf)
  const isSlow = usePatience(pages.isFirst && pages.nodes.length === 0)
  const { change } = pages
  const onChange = (account: AccountFieldsFragment) =>
    change(nodes => nodes.map(node => (node.id === account.id ? { ...node, ...account } : node)))
  return (
    <div className="app-split" data-shows={person ? 'item' : 'list'}>
      <section className="app-split-list" aria-label={admin.tabs.people}>
        <header className="app-list-head">
          <SearchField placeholder={people.search} />
          <StateLinks label={people.which} name="state" states={people.states} />
        </header>
        {pages.error ? (
          <Failure error={pages.error} onRetry={pages.reload} />
        ) : pages.nodes.length > 0 ? (
          <ul className="app-rows" aria-label={admin.tabs.people}>
            {pages.nodes.map(account => (
              <PersonRow
                key={account.id}
                account={account}
                isCurrent={account.id === person}
                query={{ q, state: state === 'all' ? null : state }}
              />
            ))}
          </ul>
        ) : pages.isFirst ? (
          isSlow && <Skeleton lines={8} />
        ) : (
          <EmptyState
            title={
              search
                ? people.emptySearch(search)
                : state === 'all'
                  ? people.empty
                  : people.emptyState
            }
            picture={<PersonIcon size="large" />}
          />
        )}
        {pages.hasMore && (
          <div className="app-rows-more">
            <Button onClick={pages.loadMore} disabled={pages.isLoading}>
              {common.more}
            </Button>
          </div>
        )}
      </section>
      <section className="app-split-item">
        {person ? (
          <PersonDetail key={person} id={person} onChange={onChange} />
        ) : (
          <EmptyState title={people.choose} picture={<PersonIcon size="large" />}>
            {people.chooseText}
          </EmptyState>
        )}
      </section>
    </div>
  )
}

interface PersonRowProps {
  account: AccountFieldsFragment
  isCurrent: boolean
  /** What stays in the address when somebody is chosen. */
  query: Record<string, string | null>
}

function PersonRow({ account, isCurrent, query }: PersonRowProps) {
  const { people } = useTexts().admin
  const { id, name, externalId, avatarUrl, deactivatedAt, erasedAt } = account
  const isOut = deactivatedAt !== null || erasedAt !== null
  return (
    <li>
      <Link
        className="app-person-row"
        href={href('admin', { tab: 'people', person: id, ...query })}
        aria-current={isCurrent || undefined}
        data-is-out={isOut || undefined}
      >
        <Avatar name={name} url={avatarUrl} />
        <span>
          <b>{name}</b>
          <small>{externalId}</small>
        </span>
        {isOut && (
          <span className="tidings-chip" data-kind={erasedAt === null ? 'warning' : undefined}>
            {erasedAt === null ? people.deactivated : people.erased}
          </span>
        )}
      </Link>
    </li>
  )
}
