import { labelsFor, LabelsProvider } from '@tidings/react'
import { createContext, use, useMemo, type ReactNode } from 'react'
import { regionOf, useLanguage } from '../lib/appearance'
import { formatFor, type Format } from '../lib/format'
import { de } from './de'
import { en, type Texts } from './en'

export type { Texts }

const Context = createContext({ texts: en, format: formatFor('en') })

/** Gives the texts and formats of the chosen language to everything below. */
export function Language({ children }: { children: ReactNode }) {
  const language = useLanguage()
  const labels = useMemo(() => labelsFor([regionOf(language)]), [language])
  const value = useMemo(
    () => ({ texts: language === 'de' ? de : en, format: formatFor(regionOf(language)) }),
    [language],
  )
  return (
    <LabelsProvider value={labels}>
      <Context value={value}>{children}</Context>
    </LabelsProvider>
  )
}

export const useTexts = (): Texts => use(Context).texts
export const useFormat = (): Format => use(Context).format
