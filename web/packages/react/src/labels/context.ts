import { createContext, use } from 'react'
import { type Labels, en } from './en'

const LabelsContext = createContext<Labels>(en)

export const LabelsProvider = LabelsContext.Provider

export function useLabels(): Labels {
  return use(LabelsContext)
}
