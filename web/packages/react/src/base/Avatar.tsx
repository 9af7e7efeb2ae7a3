import { type ReactNode, useState } from 'react'

export interface AvatarProps {
  name: string
  url?: string | null
  size?: 'small' | 'large'
  /** Instead of initials: for what is no person. */
  icon?: ReactNode
}

/** A picture of somebody, or their initials. Their name stands beside it, so it says nothing. */
export function Avatar({ name, url, size, icon }: AvatarProps) {
  const [broken, setBroken] = useState<string>()
  return (
    <span
      className="tidings-avatar"
      part="avatar"
      aria-hidden="true"
      data-size={size}
      data-hue={icon ? undefined : hue(name)}
      data-shape={icon ? 'square' : undefined}
    >
      {icon ?? <span>{initials(name)}</span>}
      {url && url !== broken && !icon ? (
        <img
          src={url}
          alt=""
          loading="lazy"
          referrerPolicy="no-referrer"
          onError={() => setBroken(url)}
        />
      ) : null}
    </span>
  )
}

/** Up to three, each over the one before. */
export function Avatars({
  people,
  size,
}: {
  people: readonly { id: string; name: string; avatarUrl: string | null }[]
  size?: 'small'
}) {
  return (
    <span className="tidings-avatars">
      {people.slice(0, 3).map(person => (
        <Avatar key={person.id} name={person.name} url={person.avatarUrl} size={size} />
      ))}
    </span>
  )
}

function initials(name: string) {
  const words = name.trim().split(/\s+/)
  const first = [...(words[0] ?? '')][0] ?? '?'
  const last = words.length > 1 ? ([...(words[words.length - 1] ?? '')][0] ?? '') : ''
  return first + last
}

const HUES = 6

function hue(name: string) {
  let sum = 0
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973
  return sum % HUES
}
