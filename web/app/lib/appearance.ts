// Light, dark or as the system; and the language. Both belong to the browser, not to the person.

import { useSyncExternalStore } from 'react'
import { keep, readKept } from './kept'

export type Theme = 'auto' | 'light' | 'dark'
export type Language = 'en' | 'de'

const listeners = new Set<() => void>()
const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
const changed = () => [...listeners].forEach(listener => listener())

function theme(): Theme {
  const kept = readKept('theme')
  return kept === 'light' || kept === 'dark' ? kept : 'auto'
}

/** The attribute that the styles look at; without it, the system decides. */
function applyTheme() {
  const chosen = theme()
  if (chosen === 'auto') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.dataset['theme'] = chosen
}

export function setTheme(chosen: Theme) {
  keep('theme', chosen === 'auto' ? null : chosen)
  applyTheme()
  changed()
}

export const useTheme = () => useSyncExternalStore(subscribe, theme)

function language(): Language {
  const kept = readKept('language')
  if (kept === 'en' || kept === 'de') return kept
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en'
}

export function setLanguage(chosen: Language) {
  keep('language', chosen)
  applyLanguage()
  changed()
}

function applyLanguage() {
  document.documentElement.lang = language()
}

export const useLanguage = () => useSyncExternalStore(subscribe, language)

/** Dates follow the browser's region (en-GB, de-AT) where it speaks the chosen language. */
export function regionOf(chosen: Language): string {
  return navigator.languages.find(tag => tag.toLowerCase().startsWith(chosen)) ?? chosen
}

/** Before the first picture, so that nothing flashes. */
export function applyAppearance() {
  applyTheme()
  applyLanguage()
}
