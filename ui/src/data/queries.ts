// What is read over HTTP, as hooks. The feed makes them read again when something happened; the intervals are the safety net.
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { api } from './api'
import { isMissing } from './client'
import type { Cue, CueId, Persona } from './types'

const NET_MS = 15_000

/** All personas, by name. */
export function usePersonas() {
  return useQuery({ queryKey: ['personas'], queryFn: api.personas, refetchInterval: 60_000, select: (page) => page.items })
}

export function usePersonaMap(): Map<string, Persona> {
  const { data } = usePersonas()
  return useMemo(() => new Map((data ?? []).map((persona) => [persona.userId, persona])), [data])
}

export function useBalance(userId: string | undefined) {
  return useQuery({
    queryKey: ['balance', userId],
    queryFn: () => api.balance(userId!),
    enabled: userId !== undefined,
    // While it fails, look often: the banner should go when the trouble goes.
    refetchInterval: (query) => (query.state.status === 'error' || query.state.fetchFailureCount > 0 ? 2000 : NET_MS),
  })
}

/** The balance as it may be shown: `stale` while nobody settles or reading it failed; then `asOf` says since when it may be wrong. */
export function useShownBalance(userId: string | undefined) {
  const balance = useBalance(userId)
  const cue = useCue('balance-unavailable')
  const behindSince = cue?.since ? Date.parse(cue.since) : Infinity
  return { balance, stale: balance.isError || cue !== undefined, asOf: Math.min(balance.dataUpdatedAt, behindSince) || null }
}

export function useStatus() {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => api.status(signal),
    refetchInterval: (query) => (query.state.data?.cues.some((cue) => cue.active) ? 1000 : 2000),
    staleTime: 0,
    retry: false,
  })
}

export function useCue(id: CueId): Cue | undefined {
  return useActiveCues().find((cue) => cue.id === id)
}

const NONE: Cue[] = []

/** What /api/status says is wrong right now. */
export function useActiveCues(): Cue[] {
  const { data } = useStatus()
  return useMemo(() => data?.cues.filter((cue) => cue.active) ?? NONE, [data])
}

export function useMarket() {
  return useQuery({ queryKey: ['market'], queryFn: api.market, refetchInterval: NET_MS })
}

export function useBook() {
  return useQuery({ queryKey: ['book'], queryFn: () => api.book(15), refetchInterval: 3000 })
}

export function useConfig() {
  return useQuery({ queryKey: ['config'], queryFn: api.config, staleTime: Infinity, refetchOnWindowFocus: false })
}

/** Once a server has said that it lacks a part, asking every few seconds tells nothing new. */
function unlessMissing(milliseconds: number) {
  return (query: { state: { error: Error | null } }) => (isMissing(query.state.error) ? false : milliseconds)
}

export function usePulse() {
  return useQuery({ queryKey: ['pulse'], queryFn: api.pulse, refetchInterval: unlessMissing(2000), staleTime: 1000 })
}

export function useCandles(interval: string, enabled = true) {
  return useQuery({
    queryKey: ['candles', interval],
    queryFn: () => api.candles(interval),
    refetchInterval: unlessMissing(5000),
    enabled,
  })
}

export function useAlarms() {
  return useQuery({ queryKey: ['alarms'], queryFn: api.alarms, refetchInterval: 5000, select: (page) => page.items })
}

export function useDeadLetters() {
  return useQuery({ queryKey: ['dlq'], queryFn: api.deadLetters, refetchInterval: 5000 })
}

export function useReconciliation(enabled: boolean) {
  return useQuery({
    queryKey: ['reconciliation'],
    queryFn: api.reconciliation,
    enabled,
    refetchInterval: unlessMissing(3000),
  })
}
