// The market's newest trades: read once, kept current by the feed, read again after a gap.
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import { api } from './api'
import { explain } from './client'
import { useLive } from './live'
import { parseMoney } from './money'
import type { Trade } from './types'

export interface Tape {
  trades: Trade[]
  ready: boolean
  error: string | null
  readAt: number | null
  again: () => void
}

export function useTape(): Tape {
  const live = useLive()
  const trades = useSyncExternalStore(live.trades.subscribe, live.trades.snapshot)
  const [state, setState] = useState<{ readAt: number | null; error: string | null }>({ readAt: null, error: null })
  const read = useCallback(async () => {
    try {
      live.trades.put((await api.trades({}, null, 200)).items)
      setState({ readAt: Date.now(), error: null })
    } catch (failure) {
      setState((old) => ({ ...old, error: explain(failure) }))
    }
  }, [live])
  useEffect(() => {
    void read()
    return live.onReset(() => void read())
  }, [live, read])
  return { trades, ready: state.readAt !== null, error: state.error, readAt: state.readAt, again: () => void read() }
}

export interface PulsePoint {
  /** Seconds since 1970. */
  time: number
  averageCents: bigint | null
  buys: number
  sells: number
}

const STEPS_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 21600, 86400]
const POINTS_MAX = 150

/** Trades in equal steps of time: the average price by quantity, and how many were bought and sold. */
export function pulseFromTrades(trades: Trade[]): { points: PulsePoint[]; stepSeconds: number } {
  if (trades.length === 0) return { points: [], stepSeconds: 1 }
  const times = trades.map((trade) => Math.floor(Date.parse(trade.timestamp) / 1000))
  const span = Math.max(...times) - Math.min(...times)
  const step = STEPS_SECONDS.find((seconds) => span / seconds <= POINTS_MAX) ?? 86400
  const buckets = new Map<number, { notional: bigint; quantity: bigint; buys: number; sells: number }>()
  trades.forEach((trade, i) => {
    const time = Math.floor(times[i]! / step) * step
    const bucket = buckets.get(time) ?? { notional: 0n, quantity: 0n, buys: 0, sells: 0 }
    bucket.notional += parseMoney(trade.price) * BigInt(trade.quantity)
    bucket.quantity += BigInt(trade.quantity)
    if (trade.buyOrder === 'SIM') bucket.sells++
    else bucket.buys++
    buckets.set(time, bucket)
  })
  const points = [...buckets.entries()]
    .sort((a, b) => a[0] - b[0])
    .map(([time, bucket]) => ({
      time,
      averageCents: bucket.quantity > 0n ? (bucket.notional * 2n + bucket.quantity) / (bucket.quantity * 2n) : null,
      buys: bucket.buys,
      sells: bucket.sells,
    }))
  return { points, stepSeconds: step }
}

/** "1 s", "5 min", "1 h" */
/** "per second", "per 5 s" */
export function stepText(seconds: number): string {
  if (seconds === 1) return 'per second'
  return `per ${stepLength(seconds)}`
}

function stepLength(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${seconds / 60} min` : seconds < 86400 ? `${seconds / 3600} h` : '1 d'
}
