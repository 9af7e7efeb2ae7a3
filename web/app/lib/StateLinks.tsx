// Which part of a list is shown: links, so that the address has it.

import { Link } from './Link'
import { href, useRoute } from './router'

interface StateLinksProps<State extends string> {
  label: string
  /** The parameter of the address. */
  name: string
  /** The texts, in their order; the first is the one without a parameter. */
  states: Record<State, string>
}

/** The state that the address names; the first one if it names none. */
export function useStateOf<State extends string>(
  name: string,
  states: Record<State, string>,
): State {
  const asked = useRoute().query.get(name)
  const known = Object.keys(states) as State[]
  return known.find(each => each === asked) ?? (known[0] as State)
}

export function StateLinks<State extends string>({ label, name, states }: StateLinksProps<State>) {
  const { page, query } = useRoute()
  const current = useStateOf(name, states)
  const all = Object.keys(states) as State[]
  return (
    <nav className="app-views app-states" aria-label={label}>
      {all.map((each, index) => (
        <Link
          key={each}
          href={href(page, { ...Object.fromEntries(query), [name]: index === 0 ? null : each })}
          aria-current={each === current || undefined}
        >
          {states[each]}
        </Link>
      ))}
    </nav>
  )
}
