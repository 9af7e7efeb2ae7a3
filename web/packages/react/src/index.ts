/** The inbox of Tidings as React components. */

export { Avatar, Avatars, type AvatarProps } from './base/Avatar'
export { Banner, type BannerProps } from './base/Banner'
export {
  Button,
  ButtonLink,
  IconButton,
  type ButtonProps,
  type IconButtonProps,
} from './base/Button'
export { Dialog, type DialogProps } from './base/Dialog'
export { EmptyState, type EmptyStateProps } from './base/EmptyState'
export * from './base/Icon'
export { Menu, type MenuItem, type MenuProps } from './base/Menu'
export { Skeleton, usePatience } from './base/Skeleton'
export { Tabs, type TabsProps } from './base/Tabs'
export { ToastList, Toasts, type Toast } from './base/Toast'
export { Tooltips } from './base/Tooltip'
export { Bell, type BellProps } from './bell/Bell'
export { InboxPopover, type InboxPopoverProps } from './bell/InboxPopover'
export { TidingsProvider, type TidingsProviderProps } from './context'
export { useDates, useNow, type Dates } from './format'
export {
  useConnection,
  useCounts,
  useDocument,
  useInbox,
  useItem,
  useOwner,
  useThread,
  useTidings,
  type Answer,
} from './hooks'
export { ConnectionBanner } from './inbox/ConnectionBanner'
export { Failed, type FailedProps } from './inbox/Failed'
export { Inbox, type InboxProps } from './inbox/Inbox'
export { placeOf, queryOf, type Place } from './inbox/place'
export { forgetSearches } from './inbox/searches'
export { addMonths } from './inbox/snoozeTimes'
export { LabelsProvider, useLabels } from './labels/context'
export { de, en, labelsFor, type Labels } from './labels'
export { AnnouncementText } from './markdown/AnnouncementText'
export { AnnouncementPreview, FormatBar, Preferences } from './later'
export { Markdown, type MarkdownProps } from './markdown/Markdown'
export { ELSEWHERE, safeUrl } from './markdown/url'
export type { AnnouncementPreviewProps } from './panes/AnnouncementPreview'
export { usePageBadge } from './pageBadge'
export type { PreferencesProps } from './preferences/Preferences'
export { Switch, type SwitchProps } from './preferences/Switch'
export { forgetDrafts } from './thread/drafts'
export { useReadable } from './useReadable'
export { useReason } from './useReason'
export { useZone } from './useZone'
