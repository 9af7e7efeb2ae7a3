import type { InboxItem } from '@tidings/client'
import { Avatar, Avatars } from '../base/Avatar'
import { ActivityIcon, BellIcon, MegaphoneIcon } from '../base/Icon'

/** Whom or what an item is from, as a picture. */
export function ItemPicture({ item, size }: { item: InboxItem; size?: 'small' }) {
  const { about } = item
  switch (about?.__typename) {
    case 'Message':
      return about.sender ? (
        <Avatar name={about.sender.name} url={about.sender.avatarUrl} size={size} />
      ) : (
        <Avatar name="" icon={<BellIcon />} size={size} />
      )
    case 'Announcement':
      return <Avatar name="" icon={<MegaphoneIcon />} size={size} />
    case 'ActivityGroup': {
      const people = about.latestActors ?? []
      if (people.length === 0) return <Avatar name="" icon={<ActivityIcon />} size={size} />
      if (people.length > 1 && !size) return <Avatars people={people.slice(0, 2)} size="small" />
      return <Avatar name={people[0]!.name} url={people[0]!.avatarUrl} size={size} />
    }
    default:
      return <Avatar name="" icon={<BellIcon />} size={size} />
  }
}
