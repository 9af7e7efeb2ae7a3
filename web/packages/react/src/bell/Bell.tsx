import { type ButtonHTMLAttributes, type ReactNode, type Ref } from 'react'
import { BellIcon } from '../base/Icon'
import { useCounts } from '../hooks'
import { useLabels } from '../labels/context'

export type BellProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'children'> & {
  /** What stands in the button, in place of the bell and its badge. */
  renderBell?: (unseen: number) => ReactNode
  ref?: Ref<HTMLButtonElement>
}

const MOST = 99

/** A button with how many items are new. */
export function Bell({ renderBell, ...rest }: BellProps) {
  const labels = useLabels()
  const unseen = useCounts()?.unseen ?? 0
  return (
    <button
      type="button"
      className="tidings tidings-bell"
      part="bell"
      aria-label={labels.bell(unseen)}
      {...rest}
    >
      {renderBell ? renderBell(unseen) : <BellContent unseen={unseen} />}
    </button>
  )
}

function BellContent({ unseen }: { unseen: number }) {
  return (
    <>
      <BellIcon />
      {unseen > 0 ? (
        // Keyed, so that it moves a little when there is more.
        <span key={unseen} className="tidings-badge" part="badge" aria-hidden="true">
          {unseen > MOST ? `${MOST}+` : unseen}
        </span>
      ) : null}
    </>
  )
}
