// What a person chose on this machine. public/theme.js reads the same key before the first paint.
import { useSyncExternalStore } from 'react'

export type ThemeChoice = 'light' | 'dark' | 'system'

export interface Preferences {
  theme: ThemeChoice
  /** B, S, … without a modifier. Can be switched off: some people's input devices send single letters. */
  singleKeys: boolean
}

const KEY = 'tb.preferences'
const DEFAULTS: Preferences = { theme: 'system', singleKeys: true }

const listeners = new Set<() => void>()
let current = read()

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>
    return { ...DEFAULTS, ...kept }
  } catch {
    return DEFAULTS
  }
}

export function applyTheme(): void {
  const dark =
    current.theme === 'dark' ||
    (current.theme === 'system' && typeof matchMedia === 'function' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change }
  try {
    localStorage.setItem(KEY, JSON.stringify(current))
  } catch {
    // It holds until the page is closed.
  }
  applyTheme()
  for (const listener of listeners) listener()
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )
}

/** "light" or "dark", as shown now: for what CSS cannot colour (charts). */
export function useShownTheme(): 'light' | 'dark' {
  return useSyncExternalStore(
    (listener) => {
      const observer = new MutationObserver(listener)
      observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
      return () => observer.disconnect()
    },
    () => (document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light'),
  )
}

export function followSystemTheme(): void {
  if (typeof matchMedia === 'function') matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)
}
