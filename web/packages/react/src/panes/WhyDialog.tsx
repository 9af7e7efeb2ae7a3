import { Dialog } from '../base/Dialog'
import { CheckIcon, CloseIcon } from '../base/Icon'
import { Skeleton, usePatience } from '../base/Skeleton'
import { ExplainDocument } from '../generated/documents'
import { useDocument } from '../hooks'
import { Failed } from '../inbox/Failed'
import { useLabels } from '../labels/context'

/** The rules by which an activity came here, as the server tells them. */
export function WhyDialog({ activityId, onClose }: { activityId: string; onClose: () => void }) {
  const labels = useLabels()
  const { data, error, isLoading, retry } = useDocument(ExplainDocument, { activityId })
  const isLong = usePatience(isLoading)
  return (
    <Dialog title={labels.whyThis} onClose={onClose}>
      <p className="tidings-meta">{labels.whyYes}</p>
      <ol className="tidings-rules">
        {data?.explain?.rules.map(({ rule, detail, passed }) => (
          <li key={rule} data-passed={passed || undefined}>
            {passed ? <CheckIcon /> : <CloseIcon />}
            <span className="tidings-hidden">{passed ? labels.passed : labels.notPassed}: </span>
            <span>
              {labels.rules[rule] ?? rule}
              {/* For those who know how the server works, which explains in English. */}
              <small lang="en">{detail}</small>
            </span>
          </li>
        ))}
      </ol>
      {isLong ? <Skeleton lines={5} /> : null}
      {error && !data ? <Failed error={error} onRetry={retry} /> : null}
    </Dialog>
  )
}
