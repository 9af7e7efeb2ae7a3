/** What the reader does to items: shown at once, said in a toast, undone for 8 seconds. */

import { useMemo } from 'react'
import type { BulkFilter, Mark } from '@tidings/client'
import { useTidingsContext } from '../context'
import { useDates } from '../format'
import { useLabels } from '../labels/context'

const UNDO_MS = 8000

export type Marks = ReturnType<typeof useMarks>

export function useMarks() {
  const { client, toasts, announce } = useTidingsContext()
  const labels = useLabels()
  const dates = useDates()
  return useMemo(() => {
    const { inbox } = client
    const say = (title: string, mark: Mark) => {
      // A refusal has a toast of its own, by the event `refused`.
      mark.done.catch(() => undefined)
      announce(title)
      toasts.show({
        id: 'mark',
        title,
        milliseconds: UNDO_MS,
        action: {
          label: labels.undo,
          onSelect: () => void mark.undo().then(() => announce(labels.done.undone), ignore),
        },
      })
    }
    const quietly = (mark: Mark) => void mark.done.catch(() => undefined)
    const { done } = labels
    return {
      /** Because it was shown. */
      seeAll: (filter?: BulkFilter) => quietly(inbox.markAllSeen(filter)),
      /** Because it was opened. */
      readSilently: (ids: readonly string[]) => quietly(inbox.markRead(ids)),
      readThread: (rootId: string) => quietly(inbox.markThreadRead(rootId)),
      read: (ids: readonly string[]) => say(done.read(ids.length), inbox.markRead(ids)),
      unread: (ids: readonly string[]) => say(done.unread(ids.length), inbox.markUnread(ids)),
      archive: (ids: readonly string[]) => say(done.archive(ids.length), inbox.archive(ids)),
      unarchive: (ids: readonly string[]) => say(done.unarchive(ids.length), inbox.unarchive(ids)),
      snooze: (ids: readonly string[], until: Date) =>
        say(done.snooze(ids.length, dates.near(until)), inbox.snooze(ids, until)),
      unsnooze: (ids: readonly string[]) => say(done.unsnooze(ids.length), inbox.unsnooze(ids)),
      mute: (rootId: string) => say(done.mute, inbox.muteThread(rootId)),
      unmute: (rootId: string) => say(done.unmute, inbox.unmuteThread(rootId)),
      readAll: (filter?: BulkFilter) => say(done.allRead, inbox.markAllRead(filter)),
      archiveAll: (filter?: BulkFilter) => say(done.allArchived, inbox.archiveAll(filter)),
      undoLast() {
        const undone = inbox.undoLast()
        if (!undone) return
        toasts.hide('mark')
        undone.then(() => announce(done.undone), ignore)
      },
    }
  }, [client, toasts, announce, labels, dates])
}

function ignore() {
  // A refusal has a toast of its own.
}
