import { labelsFor, LabelsProvider } from '@tidings/react'
import { createContext, Suspense, use, useMemo, type ReactNode } from 'react'
import { regionOf, useLanguage } from '../lib/appearance'
import { formatFor, type Format } from '../lib/format'
import { en, type Texts } from './en'

export type { Texts }

const Context = createContext({ texts: en, format: formatFor('en') })

let german: Promise<Texts> | undefined
/** Loaded by those who read it; in a moment without a network, English is better than nothing. */
const loadGerman = () => (german ??= import('./de').then(({ de }) => de).catch(() => en))

/** Gives the texts and formats of the chosen language to everything below. */
export function Language({ children }: { children: ReactNode }) {
  return (
    <Suspense>
      <Chosen>{children}</Chosen>
    </Suspense>
  )
}

function Chosen({ children }: { children: ReactNode }) {
  const language = useLanguage()
  const labels = useMemo(() => labelsFor([regionOf(language)]), [language])
  const texts = language === 'de' ? use(loadGerman()) : en
  const value = useMemo(() => ({ texts, format: formatFor(regionOf(language)) }), [texts, language])
  return (
    <LabelsProvider value={labels}>
      <Context value={value}>{children}</Context>
    </LabelsProvider>
  )
}

export const useTexts = (): Texts => use(Context).texts
export const useFormat = (): Format => use(Context).format
