// One clock for all ages on the page: it ticks once a second, and only while somebody looks.
import { useSyncExternalStore } from 'react'

let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function tick() {
  now = Date.now()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (timer === undefined) {
    timer = setInterval(() => {
      if (typeof document === 'undefined' || !document.hidden) tick()
    }, 1000)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0 && timer !== undefined) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The same for two readings in a row, or rendering would never end; never more than a second old, also when the clock stood still. */
export function reading(): number {
  if (Math.abs(Date.now() - now) >= 1000) now = Date.now()
  return now
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, reading)
}

/** "2 s", "3 min", "5 h", "2 d" */
export function ageText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86400)} d`
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** "14:03:07" today, "3 Nov 14:03:07" on other days */
export function timeText(iso: string, at = Date.now()): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  const today = date.toDateString() === new Date(at).toDateString()
  return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`
}

export function fullTimeText(iso: string): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : `${full.format(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** "84 ms", "1.2 s" */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 60000) return `${(milliseconds / 1000).toFixed(1)} s`
  return ageText(milliseconds)
}
