// What this browser keeps for a person. Signing out erases it.

const PREFIX = 'tidings:'

/** A value of this browser, as text; browsers without storage keep it until the page is closed. */
const fallback = new Map<string, string>()

export function readKept(key: string): string | null {
  try {
    return window.localStorage.getItem(PREFIX + key)
  } catch {
    return fallback.get(key) ?? null
  }
}

export function keep(key: string, value: string | null) {
  try {
    if (value === null) window.localStorage.removeItem(PREFIX + key)
    else window.localStorage.setItem(PREFIX + key, value)
  } catch {
    if (value === null) fallback.delete(key)
    else fallback.set(key, value)
  }
}

/** Erases what was kept under keys that begin with this. */
export function forget(beginning: string) {
  for (const key of fallback.keys()) if (key.startsWith(beginning)) fallback.delete(key)
  try {
    const keys = Object.keys(window.localStorage)
    for (const key of keys) {
      if (key.startsWith(PREFIX + beginning)) window.localStorage.removeItem(key)
    }
  } catch {
    // Nothing was kept.
  }
}
