import { de } from './de'
import { type Labels, en } from './en'

export { de, en, type Labels }

const ALL: Record<string, Labels> = { de, en }

/** The labels for the first of these languages that there are labels for; else English. */
export function labelsFor(languages: readonly string[]): Labels {
  for (const language of languages) {
    const labels = ALL[language.split('-')[0]?.toLowerCase() ?? '']
    // Dates are written as this region writes them.
    if (labels) return { ...labels, locale: language }
  }
  return en
}
