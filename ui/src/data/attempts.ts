// An attempt is one order on its way, with the idempotency key it was given. It is written down before the first send and crossed
// out only when its outcome is known, so that after a lost answer, a reload or a crash the very same order can be sent again.
import { useSyncExternalStore } from 'react'
import { api, type NewOrder } from './api'
import { explain, NoAnswer, Problem } from './client'
import type { Order, Side } from './types'

export interface Attempt extends NewOrder {
  displayName: string
  startedAt: number
  /** The tab that sent it, and whether it is waiting for the answer right now. */
  tab: string
  state: 'sending' | 'unclear'
  reason?: string
  retryAt?: number
}

export type Outcome =
  { kind: 'accepted'; order: Order; replayed: boolean } | { kind: 'refused'; problem: Problem } | { kind: 'unclear'; reason: string }

const KEY = 'tb.attempts'
const KEPT_MAX = 50
/** Another tab's attempt is its own business for this long: it may still be waiting for the answer. */
const FOREIGN_AFTER_MS = 30_000

export const thisTab = randomText()
const inFlight = new Set<string>()
const listeners = new Set<() => void>()
let memory: Attempt[] = []
let cachedText: string | null = null

function randomText(): string {
  const bytes = new Uint8Array(16)
  crypto.getRandomValues(bytes)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Of this persona, this moment, and never again. */
export function newKey(userId: string): string {
  return `web-${userId}-${randomText()}`
}

function load(): Attempt[] {
  try {
    const text = localStorage.getItem(KEY) ?? '[]'
    if (text !== cachedText) {
      const kept: unknown = JSON.parse(text)
      memory = Array.isArray(kept) ? (kept as Attempt[]).filter((one) => typeof one?.idempotencyKey === 'string') : []
      cachedText = text
    }
  } catch {
    // Storage that cannot be read: what this page remembers is all there is.
  }
  return memory
}

/** Returns whether it will survive a reload. */
function save(attempts: Attempt[]): boolean {
  memory = attempts.slice(-KEPT_MAX)
  let kept = true
  try {
    cachedText = JSON.stringify(memory)
    localStorage.setItem(KEY, cachedText)
  } catch {
    kept = false
  }
  for (const listener of listeners) listener()
  return kept
}

export function keep(attempt: Attempt): boolean {
  return save([...load().filter((one) => one.idempotencyKey !== attempt.idempotencyKey), attempt])
}

export function forget(idempotencyKey: string): void {
  save(load().filter((one) => one.idempotencyKey !== idempotencyKey))
}

/** What needs a person's decision: sent, no clear answer, and nobody waiting for one. Always the same array for the same content. */
let shown: Attempt[] = []
export function unresolved(now = Date.now()): Attempt[] {
  const next = load().filter(
    (one) =>
      !inFlight.has(one.idempotencyKey) && (one.state === 'unclear' || one.tab === thisTab || now - one.startedAt > FOREIGN_AFTER_MS),
  )
  const same = next.length === shown.length && next.every((one, i) => one === shown[i])
  return same ? shown : (shown = next)
}

/** A reload makes a new tab id: what the page before it was sending is then foreign, and must not wait half a minute. */
export function adoptOwn(): void {
  let before: string | null = null
  try {
    before = sessionStorage.getItem('tb.tab')
    sessionStorage.setItem('tb.tab', thisTab)
  } catch {
    return
  }
  if (before === null) return
  const attempts = load()
  if (attempts.some((one) => one.tab === before && one.state === 'sending')) {
    save(
      attempts.map((one) =>
        one.tab === before && one.state === 'sending'
          ? { ...one, tab: thisTab, state: 'unclear', reason: 'The page was left before the answer came.' }
          : one,
      ),
    )
  }
}

export function useUnresolved(): Attempt[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      window.addEventListener('storage', listener)
      return () => {
        listeners.delete(listener)
        window.removeEventListener('storage', listener)
      }
    },
    () => unresolved(),
  )
}

export function startAttempt(
  persona: { userId: string; displayName: string },
  ticket: { side: Side; quantity: number; price: string; simulationSeed?: string },
): Attempt {
  return {
    ...ticket,
    userId: persona.userId,
    // The persona is the client, too: keys of one persona can never collide with another's.
    clientId: persona.userId,
    displayName: persona.displayName,
    timeInForce: 'GTC',
    idempotencyKey: newKey(persona.userId),
    startedAt: Date.now(),
    tab: thisTab,
    state: 'sending',
  }
}

/** Writes the attempt down, then sends it; also for every retry: same key, same content. */
export async function sendAttempt(attempt: Attempt): Promise<Outcome> {
  const { idempotencyKey, userId, clientId, side, quantity, price, timeInForce, simulationSeed } = attempt
  inFlight.add(idempotencyKey)
  keep({ ...attempt, state: 'sending', tab: thisTab, reason: undefined, retryAt: undefined })
  try {
    const answer = await api.submit({
      idempotencyKey,
      userId,
      clientId,
      side,
      quantity,
      price,
      timeInForce,
      simulationSeed,
    })
    inFlight.delete(idempotencyKey)
    forget(idempotencyKey)
    return { kind: 'accepted', order: answer.value, replayed: answer.headers.get('Idempotency-Replayed') === 'true' }
  } catch (error) {
    inFlight.delete(idempotencyKey)
    if (error instanceof Problem && !error.retryable) {
      forget(idempotencyKey)
      return { kind: 'refused', problem: error }
    }
    const reason = error instanceof Problem ? `${error.title} (${error.code}).` : explain(error)
    const seconds = error instanceof Problem ? error.retryAfterSeconds : null
    keep({ ...attempt, state: 'unclear', reason, retryAt: seconds ? Date.now() + seconds * 1000 : undefined })
    return { kind: 'unclear', reason }
  }
}

/** Asks whether an attempt arrived, without sending it again. Null: it did not, or nobody can say. */
export async function lookUp(attempt: Attempt): Promise<{ known: true; order: Order } | { known: false } | null> {
  try {
    const order = await api.orderByKey(attempt.clientId, attempt.idempotencyKey)
    forget(attempt.idempotencyKey)
    return { known: true, order }
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { known: false }
    if (error instanceof Problem || error instanceof NoAnswer) return null
    throw error
  }
}
