// The health strip's numbers, each with where it comes from. Served ones are preferred; what the server does not say yet is worked out
// from what it does say, and says so.
import type { Order, Pulse, Status } from '../../data/types'

export interface Latency {
  p50: number | null
  p95: number | null
  source: string
}

const SAMPLE = 100

/** The nearest-rank percentile of at least one value. */
export function percentile(values: number[], percent: number): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!
}

export function latencyOf(pulse: Pulse | undefined, orders: Order[]): Latency {
  if (pulse && pulse.latency.p50Ms !== null) return { p50: pulse.latency.p50Ms, p95: pulse.latency.p95Ms, source: 'to accept' }
  // The server measures the last minutes: after a quiet while it has nothing to say, and the last orders have.
  const took = orders
    .filter((order) => order.status === 'ACCEPTED' && order.processingMs !== null)
    .slice(0, SAMPLE)
    .map((order) => order.processingMs!)
  return { p50: percentile(took, 50), p95: percentile(took, 95), source: `last ${took.length} accepted` }
}

export function queuedOf(pulse: Pulse | undefined, status: Status | undefined): { count: number | null; source: string } {
  if (pulse) return { count: pulse.queueDepth, source: 'waiting in queues' }
  if (!status) return { count: null, source: '' }
  return { count: status.actors.reduce((sum, actor) => sum + actor.lag, 0), source: 'behind, all actors' }
}
