import { useState } from 'react'
import type { TidingsError } from '@tidings/client'
import { Button } from '../base/Button'
import { Skeleton, usePatience } from '../base/Skeleton'
import { useTidingsContext } from '../context'
import { FollowDocument, FollowingDocument, UnfollowDocument } from '../generated/documents'
import { useDocument } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'
import { ELSEWHERE, safeUrl } from '../markdown/url'
import { useReason } from '../useReason'

export interface FollowingProps {
  canUnfollow: boolean
  reasonLabel: (key: string) => string
}

/** What somebody follows, page by page. */
export function Following(props: FollowingProps) {
  return <Page after={undefined} {...props} />
}

function Page({ after, canUnfollow, reasonLabel }: FollowingProps & { after?: string }) {
  const labels = useLabels()
  const reasonOf = useReason()
  const { client, toasts } = useTidingsContext()
  const { data, error, isLoading, retry } = useDocument(FollowingDocument, { after })
  const isLong = usePatience(isLoading)
  const [hasNext, setHasNext] = useState(false)
  const [unfollowed, setUnfollowed] = useState<ReadonlySet<string>>(new Set())
  const page = data?.viewer?.subscriptions
  const fail = (cause: TidingsError) =>
    toasts.show({ id: 'follow', title: labels.saveFailed, text: reasonOf(cause) })

  const unfollow = (id: string, target: string) =>
    client
      .request(UnfollowDocument, { input: { target: { id: target } } })
      .then(() => setUnfollowed(before => new Set([...before, id])), fail)
  const follow = (id: string, target: string, reasons: readonly string[]) =>
    Promise.all(
      reasons.map(reason =>
        client.request(FollowDocument, { input: { target: { id: target }, reason } }),
      ),
    ).then(() => setUnfollowed(before => new Set([...before].filter(one => one !== id))), fail)

  return (
    <>
      {page?.nodes.map(({ id, target, reasons }) => {
        const title = target.title ?? target.externalId
        const isGone = unfollowed.has(id)
        const url = safeUrl(target.url)
        return (
          <div key={id} className="tidings-setting" data-gone={isGone || undefined}>
            <div>
              {url ? (
                <a href={url} {...ELSEWHERE} dir="auto">
                  {title}
                </a>
              ) : (
                <span dir="auto">{title}</span>
              )}
              <p>{reasons.map(reasonLabel).join(', ')}</p>
            </div>
            {canUnfollow ? (
              <Button
                kind={isGone ? undefined : 'quiet'}
                aria-label={`${isGone ? labels.follow : labels.unfollow}: ${title}`}
                onClick={() =>
                  void (isGone ? follow(id, target.id, reasons) : unfollow(id, target.id))
                }
              >
                {isGone ? labels.follow : labels.unfollow}
              </Button>
            ) : null}
          </div>
        )
      })}
      {!after && page?.nodes.length === 0 ? (
        <p className="tidings-meta">{labels.followingNothing}</p>
      ) : null}
      {isLong ? <Skeleton lines={4} /> : null}
      {error && !data ? <Failed error={error} onRetry={retry} /> : null}
      {page?.pageInfo.hasNextPage && !hasNext ? (
        <Button onClick={() => setHasNext(true)}>{labels.loadMore}</Button>
      ) : null}
      {hasNext && page?.pageInfo.endCursor ? (
        <Page after={page.pageInfo.endCursor} canUnfollow={canUnfollow} reasonLabel={reasonLabel} />
      ) : null}
    </>
  )
}
