/**
 * The icons, drawn for this inbox on a grid of 20: one line of 1.6, round ends.
 *
 * Each is a component, so that a bundle has those that it uses.
 */

import { icon } from './draw'

export type { IconProps } from './draw'

export const BellIcon = icon(
  <>
    <path d="M5.2 8.4a4.8 4.8 0 0 1 9.6 0c0 3.9 1.7 5 1.7 5h-13s1.7-1.1 1.7-5Z" />
    <path d="M8.3 16.2a1.9 1.9 0 0 0 3.4 0" />
  </>,
)
export const InboxIcon = icon(
  <>
    <path d="M3 11.2 5 4.9c.2-.6.8-1 1.4-1h7.2c.6 0 1.2.4 1.4 1l2 6.3v3.9c0 .6-.5 1-1 1H4a1 1 0 0 1-1-1v-3.9Z" />
    <path d="M3.2 11.2h3.6l1.1 2h4.2l1.1-2h3.6" />
  </>,
)
export const UnreadIcon = icon(
  <>
    <path d="M17 9.2v5.3c0 .6-.5 1-1 1H4a1 1 0 0 1-1-1v-9c0-.6.5-1 1-1h7.2" />
    <path d="m3.3 5.4 6.7 5 2.4-1.8" />
    <circle cx="15.7" cy="5.3" r="2" fill="currentColor" stroke="none" />
  </>,
)
export const ReadIcon = icon(
  <>
    <path d="M3 8.3 10 3.6l7 4.7v7.2c0 .6-.5 1-1 1H4a1 1 0 0 1-1-1V8.3Z" />
    <path d="m3.2 8.6 6.8 4.2 6.8-4.2" />
  </>,
)
export const FilterIcon = icon(<path d="M3 5.5h14M6 10h8M8.5 14.5h3" />)
export const ClockIcon = icon(
  <>
    <circle cx="10" cy="10" r="6.7" />
    <path d="M10 6.2V10l2.5 1.8" />
  </>,
)
export const ArchiveIcon = icon(
  <>
    <path d="M3 4.5h14v3H3zM4.2 7.5v7.3c0 .6.4 1 1 1h9.6c.6 0 1-.4 1-1V7.5" />
    <path d="M8.2 10.6h3.6" />
  </>,
)
export const UnarchiveIcon = icon(
  <>
    <path d="M3 4.5h14v3H3zM4.2 7.5v7.3c0 .6.4 1 1 1h9.6c.6 0 1-.4 1-1V7.5" />
    <path d="M10 13.7V9.9M8.3 11.4 10 9.7l1.7 1.7" />
  </>,
)
export const StackIcon = icon(
  <>
    <path d="m10 3.5 7 3.4-7 3.4-7-3.4 7-3.4Z" />
    <path d="m3 10.2 7 3.4 7-3.4M3 13.3l7 3.4 7-3.4" />
  </>,
)
export const MessageIcon = icon(
  <path d="M4 4.2h12c.6 0 1 .4 1 1v7.6c0 .6-.4 1-1 1H9.4L5.8 16.6v-2.8H4a1 1 0 0 1-1-1V5.2c0-.6.4-1 1-1Z" />,
)
export const MegaphoneIcon = icon(
  <>
    <path d="M3.2 8.3v3.2c0 .5.4.9.9.9h2.3l7.4 3.3V4.1L6.4 7.4H4.1c-.5 0-.9.4-.9.9Z" />
    <path d="m6.4 12.4.9 3.9h1.9l-.6-3M16.4 8.3a2.2 2.2 0 0 1 0 3.2" />
  </>,
  true,
)
export const ActivityIcon = icon(<path d="M2.8 10.4h3l2.3-6 3.6 11.2 2.3-5.2h3.2" />)
export const TagIcon = icon(
  <>
    <path d="M3.4 4.4v5.2c0 .3.1.6.3.8l6.1 6.1c.4.4 1.1.4 1.5 0l5.2-5.2c.4-.4.4-1.1 0-1.5l-6.1-6.1a1.1 1.1 0 0 0-.8-.3H4.4a1 1 0 0 0-1 1Z" />
    <circle cx="7" cy="7" r="1.2" fill="currentColor" stroke="none" />
  </>,
  true,
)
export const CheckIcon = icon(<path d="m4.5 10.4 3.6 3.6 7.4-8" />)
export const CheckAllIcon = icon(<path d="m2.4 10.6 3.3 3.3 6.6-7.2M9.3 13l.9.9 6.8-7.2" />)
export const CloseIcon = icon(<path d="m5.2 5.2 9.6 9.6M14.8 5.2l-9.6 9.6" />)
export const BackIcon = icon(<path d="M12 4.6 6.6 10l5.4 5.4" />, true)
export const NextIcon = icon(<path d="M8 4.6 13.4 10 8 15.4" />, true)
export const UpIcon = icon(<path d="M10 15.6V4.6M5.4 9 10 4.4 14.6 9" />)
export const ReplyIcon = icon(<path d="M8 4.8 3.2 9.4 8 14M3.6 9.4h7.2c3.4 0 5.8 2 6 6" />, true)
export const SearchIcon = icon(
  <>
    <circle cx="8.8" cy="8.8" r="5.2" />
    <path d="m12.8 12.8 3.8 3.8" />
  </>,
)
export const SaveIcon = icon(
  <path d="M5.6 4.4c0-.4.3-.8.8-.8h7.2c.5 0 .8.4.8.8v12L10 13.2l-4.4 3.2Z" />,
)
export const SettingsIcon = icon(
  <>
    <path d="M3 6h7.2M14.2 6H17M3 14h2.8M9.8 14H17" />
    <circle cx="12.2" cy="6" r="2" />
    <circle cx="7.8" cy="14" r="2" />
  </>,
)
export const MoreIcon = icon(
  <g fill="currentColor" stroke="none">
    <circle cx="4.6" cy="10" r="1.4" />
    <circle cx="10" cy="10" r="1.4" />
    <circle cx="15.4" cy="10" r="1.4" />
  </g>,
)
export const MuteIcon = icon(
  <>
    <path d="M5.4 7.3a4.8 4.8 0 0 1 9.4 1.1c0 1.5.3 2.6.6 3.4M13.5 13.4h-10s1.7-1.1 1.7-5" />
    <path d="M8.3 16.2a1.9 1.9 0 0 0 3.4 0M3.2 3.2l13.6 13.6" />
  </>,
)
export const LinkIcon = icon(
  <path d="M8.2 4.6H5c-.6 0-1 .4-1 1V15c0 .6.4 1 1 1h9.4c.6 0 1-.4 1-1v-3.2M11.4 3.8h4.8v4.8M16 4l-7 7" />,
)
export const WarningIcon = icon(
  <>
    <path d="M10 3.6 17.3 16H2.7L10 3.6Z" />
    <path d="M10 8.2v3.6M10 13.9v.1" />
  </>,
)
export const InfoIcon = icon(
  <>
    <circle cx="10" cy="10" r="6.9" />
    <path d="M10 9.2v4.2M10 6.6v.1" />
  </>,
)
export const OfflineIcon = icon(
  <>
    <path d="M6.3 15.4h8.4a3 3 0 0 0 1.6-5.5M13.5 7.6a4.4 4.4 0 0 0-6-2.4M5.3 8.4a3.6 3.6 0 0 0 1 7" />
    <path d="m3.6 3.6 12.8 12.8" />
  </>,
)
export const PersonIcon = icon(
  <>
    <circle cx="10" cy="6.9" r="3.1" />
    <path d="M3.9 16.3c.6-3 3-4.7 6.1-4.7s5.5 1.7 6.1 4.7" />
  </>,
)
export const PeopleIcon = icon(
  <>
    <circle cx="7.6" cy="7.2" r="2.7" />
    <path d="M2.5 15.8c.4-2.6 2.4-4.2 5.1-4.2s4.7 1.6 5.1 4.2M12.6 4.8a2.6 2.6 0 0 1 0 4.9M14.6 12c1.6.6 2.6 2 2.9 3.8" />
  </>,
)
export const SendIcon = icon(<path d="M17 3.4 3 8.6l5.6 2.8 2.8 5.6L17 3.4Zm0 0-8.4 8" />, true)
export const ComposeIcon = icon(
  <path d="M9.6 4.4H5c-.6 0-1 .4-1 1V15c0 .6.4 1 1 1h9.6c.6 0 1-.4 1-1v-4.6M8 12l.5-2.3 6.3-6.3a1.3 1.3 0 0 1 1.8 1.8l-6.3 6.3L8 12Z" />,
)
export const ChartIcon = icon(<path d="M3.4 3.6v12.8h13.2M6.6 12.6l3-3.6 2.6 2 4-5.2" />)
export const UndoIcon = icon(<path d="M7 4.4 3.4 8 7 11.6M3.8 8h8a4.2 4.2 0 0 1 0 8.4H8.6" />, true)
export const PlusIcon = icon(<path d="M10 4v12M4 10h12" />)
export const HelpIcon = icon(
  <>
    <circle cx="10" cy="10" r="6.9" />
    <path d="M7.9 8.1a2.1 2.1 0 1 1 3.1 1.9c-.7.4-1 .8-1 1.6M10 13.9v.1" />
  </>,
)
export const SignOutIcon = icon(
  <path d="M8.4 16.2H4.8c-.6 0-1-.4-1-1V4.8c0-.6.4-1 1-1h3.6M12.4 13.4 15.8 10l-3.4-3.4M15.6 10H8" />,
  true,
)
export const DensityIcon = icon(<path d="M3.4 5h13.2M3.4 8.3h13.2M3.4 11.7h13.2M3.4 15h13.2" />)
export const DotIcon = icon(<circle cx="10" cy="10" r="4" fill="currentColor" stroke="none" />)
export const CalendarIcon = icon(
  <>
    <path d="M4 5.2h12c.6 0 1 .4 1 1v9.3c0 .6-.4 1-1 1H4a1 1 0 0 1-1-1V6.2c0-.6.4-1 1-1Z" />
    <path d="M3 9h14M6.8 3.4v3M13.2 3.4v3" />
  </>,
)
