/** Toasts and words for what arrives, and for marks that were taken back. */

import { useEffect } from 'react'
import type { InboxItem } from '@tidings/client'
import { useTidingsContext } from './context'
import { useLabels } from './labels/context'
import { ItemPicture } from './inbox/ItemPicture'

/** The most arrivals that have a toast each; more at once share one. */
const MOST = 2

export function useArrivals() {
  const { client, toasts, announce, isInSight, onOpenItem } = useTidingsContext()
  const labels = useLabels()

  useEffect(() => {
    // Words are kept until they are told: two updates in a second are one sentence.
    let untold = 0
    let timer: ReturnType<typeof setTimeout> | undefined
    const tell = (count: number) => {
      untold += count
      timer ??= setTimeout(() => {
        announce(labels.newItems(untold))
        untold = 0
        timer = undefined
      }, 300)
    }
    const show = (items: readonly InboxItem[], sign?: string) => {
      tell(items.length)
      const hidden = items.filter(item => !isInSight(item))
      if (document.visibilityState === 'hidden' || hidden.length === 0) return
      if (hidden.length > MOST) {
        toasts.show({ id: 'arrived', title: labels.newItems(hidden.length), items: hidden })
        return
      }
      for (const item of hidden) {
        toasts.show({
          id: item.id,
          title: item.title,
          text: sign ?? item.preview,
          picture: <ItemPicture item={item} />,
          items: [item],
          onOpen: onOpenItem && (() => onOpenItem(item)),
        })
      }
    }
    const { inbox } = client
    const ends = [
      inbox.on('arrived', ({ items }) => show(items)),
      inbox.on('reminded', ({ items }) => show(items, labels.reminded)),
      inbox.on('removed', ({ itemIds }) => itemIds.forEach(id => toasts.hide(id))),
      inbox.on('refused', ({ reason, error }) =>
        toasts.show({
          id: 'refused',
          title: labels.refused[reason],
          text: reason === 'refused' ? error.message : undefined,
        }),
      ),
    ]
    return () => {
      clearTimeout(timer)
      ends.forEach(end => end())
    }
  }, [client, toasts, announce, isInSight, onOpenItem, labels])
}
