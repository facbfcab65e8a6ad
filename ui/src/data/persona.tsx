// Who is trading. A choice of this machine, kept across a reload; no password, by design (TB-201).
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react'
import { usePersonas } from './queries'
import type { Persona } from './types'

const KEY = 'tb.persona'
const FIRST_CHOICE = 'clusius'

interface PersonaContextValue {
  personas: Persona[]
  active: Persona | undefined
  switchTo: (userId: string) => void
}

const PersonaContext = createContext<PersonaContextValue | null>(null)
const NOBODY: Persona[] = []

function kept(): string {
  try {
    return localStorage.getItem(KEY) ?? FIRST_CHOICE
  } catch {
    return FIRST_CHOICE
  }
}

export function PersonaProvider({ children }: { children: ReactNode }) {
  const [chosen, setChosen] = useState(kept)
  const personas = usePersonas().data ?? NOBODY
  const active = personas.find((persona) => persona.userId === chosen) ?? personas[0]
  const switchTo = useCallback((userId: string) => {
    setChosen(userId)
    try {
      localStorage.setItem(KEY, userId)
    } catch {
      // It holds until the page is closed.
    }
  }, [])
  const value = useMemo(() => ({ personas, active, switchTo }), [personas, active, switchTo])
  return <PersonaContext.Provider value={value}>{children}</PersonaContext.Provider>
}

export function usePersona(): PersonaContextValue {
  const value = useContext(PersonaContext)
  if (!value) throw new Error('usePersona outside of PersonaProvider')
  return value
}
