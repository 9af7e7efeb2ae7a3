import { FormatBar, Markdown, Tabs } from '@tidings/react'
import { useRef, useState } from 'react'
import { Field } from '../lib/Field'
import { useTexts } from '../texts'

interface BodyFieldProps {
  label: string
  value: string
  onChange(value: string): void
  error?: string | undefined
  /** What shows the text to its readers. */
  Text?: typeof Markdown
}

/** Markdown, and how its readers will see it. */
export function BodyField({ label, value, onChange, error, Text = Markdown }: BodyFieldProps) {
  const { compose } = useTexts()
  const [view, setView] = useState<'write' | 'preview'>('write')
  const field = useRef<HTMLTextAreaElement>(null)
  const tabs = [
    { key: 'write' as const, label: compose.write },
    { key: 'preview' as const, label: compose.preview },
  ]
  return (
    <div className="app-body">
      <Tabs label={label} tabs={tabs} current={view} onChange={setView}>
        <Field label={label} hint={compose.bodyHint} error={error}>
          {attributes => (
            <>
              {view === 'write' ? (
                <textarea
                  {...attributes}
                  ref={field}
                  className="tidings-field"
                  rows={7}
                  value={value}
                  onChange={event => onChange(event.target.value)}
                />
              ) : (
                <div className="app-preview">
                  {value.trim() ? <Text text={value} /> : <p>{compose.previewEmpty}</p>}
                </div>
              )}
              <div className="app-format">{view === 'write' && <FormatBar field={field} />}</div>
            </>
          )}
        </Field>
      </Tabs>
    </div>
  )
}
