import { useState } from 'react'
import type { ActivitiesAbout, InboxItem, TidingsError } from '@tidings/client'
import { Avatar } from '../base/Avatar'
import { Button } from '../base/Button'
import { ActivityIcon, HelpIcon } from '../base/Icon'
import { Skeleton, usePatience } from '../base/Skeleton'
import { useCatalog } from '../catalog'
import { useTidingsContext } from '../context'
import { useDates, useNow } from '../format'
import {
  ActivitiesDocument,
  ChooseActionsDocument,
  FollowDocument,
  UnfollowDocument,
} from '../generated/documents'
import { useDocument } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'
import { Markdown } from '../markdown/Markdown'
import { useReason } from '../useReason'
import { WhyDialog } from './WhyDialog'

/** Who did it, why one hears of it, and how one hears of it no more. */
export function ActivityPane({ item, about }: { item: InboxItem; about: ActivitiesAbout }) {
  const labels = useLabels()
  const dates = useDates()
  const now = useNow()
  // An activity that joins changes the count, and so asks again.
  const { data, error, isLoading, retry } = useDocument(ActivitiesDocument, { id: about.id })
  const catalog = useCatalog()
  const isLong = usePatience(isLoading)
  const [asksWhy, setAsksWhy] = useState(false)
  const group = data?.node?.__typename === 'ActivityGroup' ? data.node : undefined
  const activities = group?.activities?.nodes ?? []
  // Several reasons may be called the same.
  const reasons = [...new Set(about.reasons.map(catalog.reason))]
  return (
    <div className="tidings-pane-text">
      <p className="tidings-meta">
        {labels.activity} · {dates.near(item.updatedAt, now)}
      </p>
      <h3 className="tidings-section-title">
        {labels.who} <small>{about.activityCount}</small>
      </h3>
      <ol className="tidings-activities">
        {activities.map(activity => (
          <li key={activity.id}>
            <Avatar
              name={activity.actor?.name ?? labels.system}
              url={activity.actor?.avatarUrl}
              icon={activity.actor ? undefined : <ActivityIcon />}
            />
            <div>
              <p>
                <b dir="auto">{activity.actor?.name ?? labels.system}</b>
                <time dateTime={activity.occurredAt} data-tip={dates.full(activity.occurredAt)}>
                  {dates.near(activity.occurredAt, now)}
                </time>
              </p>
              {previewOf(activity.data) ? (
                <blockquote>
                  <Markdown text={previewOf(activity.data) ?? ''} />
                </blockquote>
              ) : null}
            </div>
          </li>
        ))}
      </ol>
      {isLong ? <Skeleton lines={4} /> : null}
      {error && !data ? <Failed error={error} onRetry={retry} /> : null}
      {reasons.length > 0 ? (
        <>
          <h3 className="tidings-section-title">{labels.reasons}</h3>
          <p className="tidings-reasons">
            {reasons.map(reason => (
              <span key={reason} className="tidings-chip">
                {reason}
              </span>
            ))}
          </p>
        </>
      ) : null}
      <div className="tidings-item-actions">
        {activities[0] ? (
          <Button icon={<HelpIcon />} onClick={() => setAsksWhy(true)}>
            {labels.whyThis}
          </Button>
        ) : null}
        <Quieter
          about={about}
          actionLabel={catalog.action(about.action)}
          canUnfollow={catalog.peopleSubscribe && about.reasons.length > 0}
        />
      </div>
      {asksWhy && activities[0] ? (
        <WhyDialog activityId={activities[0].id} onClose={() => setAsksWhy(false)} />
      ) : null}
    </div>
  )
}

function previewOf(data: unknown): string | undefined {
  const preview = (data as { preview?: unknown } | null)?.preview
  return typeof preview === 'string' ? preview : undefined
}

interface QuieterProps {
  about: ActivitiesAbout
  actionLabel: string
  canUnfollow: boolean
}

/** Hearing less: of this target, or of this action everywhere. Both can be taken back. */
function Quieter({ about, actionLabel, canUnfollow }: QuieterProps) {
  const labels = useLabels()
  const reasonOf = useReason()
  const { client, toasts } = useTidingsContext()
  const [isDone, setDone] = useState<{ unfollowed?: boolean; off?: boolean }>({})
  const target = { id: about.target.id }
  const title = about.target.title ?? about.target.externalId

  const choose = (enabled: boolean | null) =>
    client.request(ChooseActionsDocument, {
      input: { settings: [{ action: about.action, enabled }] },
    })
  const follow = () =>
    Promise.all(
      about.reasons.map(reason => client.request(FollowDocument, { input: { target, reason } })),
    )
  const run = (
    job: Promise<unknown>,
    words: string,
    done: typeof isDone,
    takeBack: () => Promise<unknown>,
  ) =>
    job.then(
      () => {
        setDone(before => ({ ...before, ...done }))
        toasts.show({
          id: 'quieter',
          title: words,
          milliseconds: 8000,
          action: {
            label: labels.undo,
            onSelect: () => void takeBack().then(() => setDone({}), fail),
          },
        })
      },
      (error: TidingsError) => fail(error),
    )
  const fail = (error: TidingsError) =>
    toasts.show({ id: 'quieter', title: labels.failed, text: reasonOf(error) })

  return (
    <>
      {canUnfollow && !isDone.unfollowed ? (
        <Button
          onClick={() =>
            void run(
              client.request(UnfollowDocument, { input: { target } }),
              labels.unfollowed(title),
              { unfollowed: true },
              follow,
            )
          }
        >
          {labels.unfollow}
        </Button>
      ) : null}
      {isDone.off ? null : (
        <Button
          kind="quiet"
          onClick={() =>
            void run(choose(false), labels.switchedOff(actionLabel), { off: true }, () =>
              choose(null),
            )
          }
        >
          {labels.switchOff(actionLabel)}
        </Button>
      )}
    </>
  )
}
