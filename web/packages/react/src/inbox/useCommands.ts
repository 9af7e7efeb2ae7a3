/** What each shortcut does in the inbox. */

import { type RefObject, useState } from 'react'
import type { Place } from './place'
import type { RowAction } from './Row'
import type { Row } from './rows'
import { type Command, useKeys } from './useKeys'
import type { Marks } from './useMarks'
import type { Navigation } from './useNavigation'
import type { Selection } from './useSelection'
import { useTidingsContext } from '../context'

interface CommandsOf {
  root: RefObject<HTMLElement | null>
  isPage: boolean
  place: Place
  go: (to: Place) => void
  rows: readonly Row[]
  navigation: Navigation
  selection: Selection
  marks: Marks
  /** What a command is about. */
  subjects: () => Row[]
  apply: (subject: readonly Row[], action: RowAction) => void
  search: RefObject<HTMLInputElement | null>
  onHelp: () => void
  onCompose?: () => void
  onGo?: (to: 'inbox' | 'sent' | 'dashboard') => void
}

/** Listens to the keys; returns what is to be replied to. */
export function useCommands(of: CommandsOf) {
  const { place, go, rows, navigation, selection, marks, subjects, apply } = of
  const { singleKeys } = useTidingsContext()
  const [replyRequest, setReplyRequest] = useState({ item: '', count: 0 })

  const selectBeside = (step: 1 | -1) => {
    const next = navigation.beside(step)
    if (!next) return
    selection.extend(navigation.current, next)
    navigation.focus(next)
  }
  const active = () => rows.find(row => row.key === navigation.activeKey) ?? rows[0]

  const onCommand = (command: Command): boolean => {
    const subject = subjects()
    const first = subject[0]
    const { about } = first?.item ?? {}
    switch (command) {
      case 'next':
      case 'previous':
        navigation.move(command === 'next' ? 1 : -1)
        return true
      case 'rangeNext':
      case 'rangePrevious':
        selectBeside(command === 'rangeNext' ? 1 : -1)
        return true
      case 'select': {
        const row = active()
        if (row) selection.select(row, false)
        return row !== undefined
      }
      case 'open': {
        const row = active()
        if (row) navigation.open(row, true)
        return row !== undefined
      }
      case 'back':
        if (selection.keys.size > 0) selection.clear()
        else if (place.item || place.preferences) navigation.close()
        else return false
        return true
      case 'archive':
        apply(subject, first?.item.archivedAt ? 'unarchive' : 'archive')
        return true
      case 'snooze':
        apply(subject, 'snooze')
        return true
      case 'read':
      case 'unread':
        apply(subject, command)
        return true
      case 'reply':
        if (about?.__typename !== 'Message' || !first) return false
        if (!place.item) navigation.open(first, false)
        setReplyRequest(({ count }) => ({ item: place.item ?? first.item.id, count: count + 1 }))
        return true
      case 'mute': {
        if (about?.__typename !== 'Message') return false
        const isMuted = first?.item.thread?.isMuted
        if (isMuted) marks.unmute(about.root.id)
        else marks.mute(about.root.id)
        return true
      }
      case 'search':
        of.search.current?.focus()
        of.search.current?.select()
        return true
      case 'undo':
        marks.undoLast()
        return true
      case 'help':
        of.onHelp()
        return true
      case 'compose':
        of.onCompose?.()
        return of.onCompose !== undefined
      case 'goInbox':
        go({ view: 'ACTIVE' })
        of.onGo?.('inbox')
        return true
      case 'goSent':
      case 'goDashboard':
        of.onGo?.(command === 'goSent' ? 'sent' : 'dashboard')
        return of.onGo !== undefined
    }
  }
  useKeys({ within: of.root, isPage: of.isPage, singleKeys, onCommand })
  return replyRequest
}
