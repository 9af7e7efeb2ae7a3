import { usePatience } from '../base/Skeleton'
import { useLabels } from '../labels/context'

/** Rows of nothing, if the first page takes long. */
export function RowSkeletons({ count = 8 }: { count?: number }) {
  const labels = useLabels()
  const isLong = usePatience(true)
  return (
    <div className="tidings-row-skeletons" role="status">
      <span className="tidings-hidden">{labels.loading}</span>
      {isLong
        ? Array.from({ length: count }, (_, row) => (
            <div key={row} aria-hidden="true">
              <span className="tidings-skeleton" />
              <div>
                <span className="tidings-skeleton" data-line={row % 3} />
                <span className="tidings-skeleton" />
              </div>
            </div>
          ))
        : null}
    </div>
  )
}
