// How far messages have been read, one row for each message and address. The filters are in the
// address, so that a report is a link.

import {
  Button,
  ChartIcon,
  EmptyState,
  FilterIcon,
  Skeleton,
  useDates,
  usePatience,
  useReason,
} from '@tidings/react'
import { useId, useMemo, useState } from 'react'
import { AddressField } from '../compose/AddressField'
import type { Address } from '../compose/draft'
import {
  ReadReportDocument,
  type ReadReportFilter,
  type ReadReportOrder,
  type ReadReportQuery,
} from '../generated/documents'
import { useApp } from '../lib/app'
import { offerFile } from '../lib/csv'
import { Failure } from '../lib/Failure'
import { DayField } from '../lib/DayField'
import { Field } from '../lib/Field'
import { Link } from '../lib/Link'
import { usePages } from '../lib/query'
import { Rate } from '../lib/RateBar'
import { changeQuery, href, useRoute } from '../lib/router'
import { useTexts } from '../texts'

const PAGE = 50
const ORDERS: ReadReportOrder[] = [
  'NEWEST_FIRST',
  'OLDEST_FIRST',
  'LOWEST_RATE_FIRST',
  'HIGHEST_RATE_FIRST',
]
const RATES = [0, 0.25, 0.5, 0.75, 0.9]

const rowsOf = (result: ReadReportQuery) => result.readReport

interface Choice {
  sender: Address | null
  sentTo: Address | null
  /** Days of the browser's calendar. */
  from: string
  before: string
  rate: string
  kind: string
  order: ReadReportOrder
}

/** A person or group in the address: its type, id and name. */
const toText = (address: Address | undefined) =>
  address ? [address.type, address.id, address.externalId, address.name].join('~') : null

function fromText(text: string | null): Address | null {
  const [type, id, externalId, ...name] = text?.split('~') ?? []
  if ((type !== 'user' && type !== 'group') || !id || !externalId) return null
  return { type, id, externalId, name: name.join('~'), avatarUrl: null }
}

function choiceOf(query: URLSearchParams): Choice {
  const order = query.get('order') as ReadReportOrder
  return {
    sender: fromText(query.get('from')),
    sentTo: fromText(query.get('to')),
    from: query.get('since') ?? '',
    before: query.get('until') ?? '',
    rate: query.get('rate') ?? '',
    kind: query.get('kind') ?? '',
    order: ORDERS.includes(order) ? order : 'NEWEST_FIRST',
  }
}

/** The beginning of a day here. */
const midnight = (day: string) => (day ? new Date(`${day}T00:00`).toISOString() : null)

function filterOf({ sender, sentTo, from, before, rate, kind }: Choice): ReadReportFilter {
  return {
    sender: sender && { id: sender.id },
    sentTo: sentTo && audienceOf(sentTo),
    sentFrom: midnight(from),
    sentBefore: midnight(before),
    maxReadRate: rate ? Number(rate) : null,
    isReply: kind === '' ? null : kind === 'reply',
  }
}

const audienceOf = ({ type, id }: Address) =>
  type === 'user' ? { user: { id } } : { group: { id } }

/** The same, as the parameters of the file. */
function parametersOf({ sender, sentTo, from, before, rate, kind, order }: Choice) {
  const parameters = new URLSearchParams({ orderBy: order })
  const set = (name: string, value: string | null | undefined) => {
    if (value) parameters.set(name, value)
  }
  set('sender', sender?.externalId)
  set(sentTo?.type === 'group' ? 'sentToGroup' : 'sentToUser', sentTo?.externalId)
  set('sentFrom', midnight(from))
  set('sentBefore', midnight(before))
  set('maxReadRate', rate)
  set('isReply', kind && String(kind === 'reply'))
  return parameters
}

export function Report() {
  const { query } = useRoute()
  const { admin, common } = useTexts()
  const { report } = admin
  const choice = choiceOf(query)
  const filter = JSON.stringify(filterOf(choice))
  const variables = useMemo(
    () => ({
      first: PAGE,
      filter: JSON.parse(filter) as ReadReportFilter,
      orderBy: choice.order,
    }),
    [filter, choice.order],
  )
  const pages = usePages(ReadReportDocument, variables, rowsOf)
  const isSlow = usePatience(pages.isFirst && pages.nodes.length === 0)
  return (
    <>
      <Filters choice={choice} />
      {pages.error ? (
        <Failure error={pages.error} onRetry={pages.reload} />
      ) : pages.nodes.length > 0 ? (
        <Rows rows={pages.nodes} isOld={pages.isFirst} />
      ) : pages.isFirst ? (
        isSlow && <Skeleton lines={8} />
      ) : (
        <EmptyState title={report.empty} picture={<ChartIcon size="large" />}>
          {report.emptyText}
        </EmptyState>
      )}
      {pages.hasMore && (
        <div className="app-rows-more">
          <Button onClick={pages.loadMore} disabled={pages.isLoading}>
            {common.more}
          </Button>
        </div>
      )}
    </>
  )
}

function Filters({ choice }: { choice: Choice }) {
  const { admin, common } = useTexts()
  const { report } = admin
  const change = (name: string, value: string | null) =>
    changeQuery({ [name]: value }, { replace: true })
  const count = Object.entries(choice).filter(
    ([name, value]) => name !== 'order' && value !== null && value !== '',
  ).length
  // Only where the window is narrow: elsewhere there is room for them.
  const [isOpen, setOpen] = useState(false)
  const id = useId()
  return (
    <form
      id={id}
      className="app-filters"
      data-open={isOpen || undefined}
      onSubmit={event => event.preventDefault()}
    >
      <Button
        className="tidings-button app-filters-open"
        aria-expanded={isOpen}
        aria-controls={id}
        icon={<FilterIcon />}
        onClick={() => setOpen(!isOpen)}
      >
        {report.filters}
        {count > 0 && <span className="tidings-chip">{count}</span>}
      </Button>
      <AddressField
        label={report.sender}
        value={choice.sender ? [choice.sender] : []}
        onChange={value => change('from', toText(value.at(-1)))}
        placeholder={report.anybody}
        only="user"
        most={1}
      />
      <AddressField
        label={report.sentTo}
        value={choice.sentTo ? [choice.sentTo] : []}
        onChange={value => change('to', toText(value.at(-1)))}
        placeholder={report.anybody}
        most={1}
      />
      <DayField label={report.from} value={choice.from} onChange={day => change('since', day)} />
      <DayField
        label={report.before}
        value={choice.before}
        onChange={day => change('until', day)}
      />
      <SelectField
        label={report.rate}
        value={choice.rate}
        onChange={value => change('rate', value)}
        options={[['', report.anyRate], ...RATES.map(rate => [`${rate}`, `${rate * 100} %`])]}
      />
      <SelectField
        label={report.kind}
        value={choice.kind}
        onChange={value => change('kind', value)}
        options={[
          ['', report.kinds.any],
          ['first', report.kinds.first],
          ['reply', report.kinds.reply],
        ]}
      />
      <SelectField
        label={report.order}
        value={choice.order}
        onChange={value => change('order', value === 'NEWEST_FIRST' ? null : value)}
        options={ORDERS.map(order => [order, report.orders[order]])}
      />
      <div className="app-filters-end">
        {count > 0 && (
          <Button
            kind="quiet"
            onClick={() =>
              changeQuery(
                { from: null, to: null, since: null, until: null, rate: null, kind: null },
                { replace: true },
              )
            }
          >
            {report.clear}
          </Button>
        )}
        <CsvButton choice={choice} label={common.csv} />
      </div>
    </form>
  )
}

interface InputProps {
  label: string
  value: string
  onChange(value: string): void
}

function SelectField({ label, value, onChange, options }: InputProps & { options: string[][] }) {
  return (
    <Field label={label}>
      {attributes => (
        <select
          {...attributes}
          className="tidings-field"
          value={value}
          onChange={event => onChange(event.target.value)}
        >
          {options.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** The file is asked for with the token, so it cannot be a plain link. */
function CsvButton({ choice, label }: { choice: Choice; label: string }) {
  const { session } = useApp()
  const [isLoading, setLoading] = useState(false)
  const [failure, setFailure] = useState<Error>()
  const reasonOf = useReason()
  const download = async () => {
    setLoading(true)
    setFailure(undefined)
    try {
      const answer = await session.fetch(`./reports/read-rate.csv?${parametersOf(choice)}`)
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`)
      offerFile(await answer.blob(), 'read-rate.csv')
    } catch (error) {
      setFailure(error as Error)
    }
    setLoading(false)
  }
  return (
    <>
      {failure && (
        <span className="app-error" role="alert">
          {reasonOf(failure)}
        </span>
      )}
      <Button disabled={isLoading} onClick={() => void download()}>
        {label}
      </Button>
    </>
  )
}

type Row = NonNullable<ReadReportQuery['readReport']>['nodes'][number]

function Rows({ rows, isOld }: { rows: readonly Row[]; isOld: boolean }) {
  const { admin, common, sent } = useTexts()
  const { columns, caption } = admin.report
  const dates = useDates()
  return (
    <div className="app-table" aria-busy={isOld}>
      <table>
        <caption className="tidings-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{columns.message}</th>
            <th scope="col">{columns.from}</th>
            <th scope="col">{columns.to}</th>
            <th scope="col">{columns.sent}</th>
            <th scope="col">{columns.read}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, message, sentTo, sentAt, readStats }) => (
            <tr key={id}>
              <th scope="row">
                <Link href={href('sent', { item: message.id })}>{message.subject}</Link>
                {message.depth > 0 && <span className="tidings-chip">{sent.reply}</span>}
              </th>
              <td>{message.sender?.name ?? common.system}</td>
              <td>{sentTo.name}</td>
              <td>
                <time dateTime={sentAt} title={dates.full(sentAt)}>
                  {dates.near(sentAt)}
                </time>
              </td>
              <td>
                <Rate stats={readStats} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
