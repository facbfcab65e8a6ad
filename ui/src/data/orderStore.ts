// All orders this page knows, newest first. Three sources write here (pages read over HTTP, answers to a submit, the feed's events),
// in any order of arrival: a final state is never overwritten by an older one, and an outcome that arrives before its order waits.
import type { Envelope, Order, OrderStatus, PendingReason, PersonaStub } from './types'

const KEPT_MAX = 20_000
const EARLY_MAX = 5_000

type Outcome = Partial<
  Pick<
    Order,
    | 'status'
    | 'statusLabel'
    | 'pendingReason'
    | 'filledQuantity'
    | 'avgFillPrice'
    | 'acceptedAz'
    | 'acceptedAt'
    | 'cancelledAt'
    | 'processingMs'
  >
>

const LABELS: Record<OrderStatus, string> = {
  PENDING: 'Awaiting simulated fill',
  ACCEPTED: 'Accepted',
  CANCELLED: 'Cancelled',
  REJECTED: 'Rejected',
}

export function isFinal(order: Pick<Order, 'status'>): boolean {
  return order.status !== 'PENDING'
}

/** Negative when `a` is the newer one. */
export function newestFirst(a: Order, b: Order): number {
  if (a.createdAt !== b.createdAt) return a.createdAt > b.createdAt ? -1 : 1
  if (a.region !== b.region) return a.region < b.region ? -1 : 1
  return b.seq - a.seq
}

export class OrderStore {
  private readonly byId = new Map<string, Order>()
  private sorted: Order[] = []
  private readonly early = new Map<string, Outcome>()
  private readonly arrived = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  /** True once the oldest orders were let go, so that the page stays quick. */
  trimmed = false

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** The same array until something changes. */
  snapshot = (): Order[] => this.sorted

  get(orderId: string): Order | undefined {
    return this.byId.get(orderId)
  }

  /** When a live order came in (this machine's clock), for the one soft flash; undefined for what was read from a list. */
  arrivedAt(orderId: string): number | undefined {
    return this.arrived.get(orderId)
  }

  pending(): Order[] {
    return this.sorted.filter((order) => !isFinal(order))
  }

  /** Forgets everything; whoever shows orders reads them again. */
  clear(): void {
    this.byId.clear()
    this.sorted = []
    this.trimmed = false
    for (const listener of this.listeners) listener()
  }

  put(orders: Order[]): void {
    this.apply((changed) => {
      for (const order of orders) this.merge(order, changed)
    })
  }

  /** Events of any stream, in order. `personaOf` gives the present name of a persona. */
  takeEvents(events: Envelope[], personaOf: (userId: string) => PersonaStub): void {
    this.apply((changed) => {
      for (const event of events) {
        if (event.type === 'OrderReceived') {
          const order = orderFromEvent(event, personaOf)
          if (!order || this.byId.has(order.orderId)) continue
          this.merge(order, changed)
          this.arrived.set(order.orderId, Date.now())
        } else if (event.stream === 'executions' && event.orderId && event.type !== 'TradeExecuted') {
          this.settle(event.orderId, outcomeFromEvent(event), changed)
        }
      }
    })
  }

  private merge(order: Order, changed: Set<string>): void {
    const known = this.byId.get(order.orderId)
    if (known && isFinal(known) && !isFinal(order)) {
      if (known.persona === order.persona) return
      this.byId.set(order.orderId, { ...known, persona: order.persona })
    } else {
      const early = isFinal(order) ? undefined : this.early.get(order.orderId)
      this.byId.set(order.orderId, early ? { ...order, ...early } : order)
    }
    this.early.delete(order.orderId)
    changed.add(order.orderId)
  }

  private settle(orderId: string, outcome: Outcome, changed: Set<string>): void {
    const known = this.byId.get(orderId)
    if (!known) {
      this.early.set(orderId, outcome)
      if (this.early.size > EARLY_MAX) this.early.delete(this.early.keys().next().value!)
    } else if (!isFinal(known)) {
      this.byId.set(orderId, { ...known, ...outcome })
      changed.add(orderId)
    }
  }

  private apply(work: (changed: Set<string>) => void): void {
    const changed = new Set<string>()
    work(changed)
    if (changed.size === 0) return
    const fresh: Order[] = []
    const there = new Set<string>()
    const next = this.sorted.map((order) => {
      if (!changed.has(order.orderId)) return order
      there.add(order.orderId)
      return this.byId.get(order.orderId)!
    })
    for (const id of changed) if (!there.has(id)) fresh.push(this.byId.get(id)!)
    fresh.sort(newestFirst)
    const newest = next[0]
    const oldest = next[next.length - 1]
    if (fresh.length === 0 || !newest || !oldest) this.sorted = fresh.length === 0 ? next : fresh
    else if (newestFirst(fresh[fresh.length - 1]!, newest) < 0) this.sorted = fresh.concat(next)
    else if (newestFirst(oldest, fresh[0]!) < 0) this.sorted = next.concat(fresh)
    else this.sorted = next.concat(fresh).sort(newestFirst)
    this.trim()
    for (const listener of this.listeners) listener()
  }

  private trim(): void {
    if (this.sorted.length <= KEPT_MAX) return
    for (const order of this.sorted.slice(KEPT_MAX)) this.byId.delete(order.orderId)
    this.sorted = this.sorted.slice(0, KEPT_MAX)
    this.trimmed = true
    for (const id of this.arrived.keys()) if (!this.byId.has(id)) this.arrived.delete(id)
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function orderFromEvent(event: Envelope, personaOf: (userId: string) => PersonaStub): Order | null {
  const p = event.payload
  const userId = text(p.userId) ?? event.userId
  const side = p.side === 'BUY' || p.side === 'SELL' ? p.side : null
  const price = text(p.price)
  if (!event.orderId || !userId || !side || !price || typeof p.quantity !== 'number') return null
  return {
    orderId: event.orderId,
    clientId: text(p.clientId) ?? userId,
    userId,
    persona: personaOf(userId),
    market: text(p.market) ?? 'TULIP',
    side,
    quantity: p.quantity,
    filledQuantity: 0,
    price,
    avgFillPrice: null,
    timeInForce: p.timeInForce === 'IOC' || p.timeInForce === 'FOK' ? p.timeInForce : 'GTC',
    status: 'PENDING',
    statusLabel: LABELS.PENDING,
    pendingReason: 'AWAITING_FILL',
    region: event.region,
    acceptedAz: null,
    seq: event.seq,
    idempotencyKey: text(p.idempotencyKey) ?? '',
    simulationSeed: text(p.simulationSeed),
    possibleDuplicateOf: text(p.possibleDuplicateOf),
    createdAt: text(p.createdAt) ?? event.ts,
    acceptedAt: null,
    cancelledAt: null,
    processingMs: null,
    traceId: event.traceId,
  }
}

function outcomeFromEvent(event: Envelope): Outcome {
  const p = event.payload
  const status: OrderStatus = event.type === 'OrderAccepted' ? 'ACCEPTED' : event.type === 'OrderCancelled' ? 'CANCELLED' : 'REJECTED'
  return {
    status,
    statusLabel: LABELS[status],
    pendingReason: null as PendingReason | null,
    filledQuantity: typeof p.filledQuantity === 'number' ? p.filledQuantity : 0,
    avgFillPrice: text(p.avgFillPrice),
    acceptedAz: text(p.acceptedAz),
    acceptedAt: text(p.acceptedAt),
    cancelledAt: text(p.cancelledAt),
    processingMs: typeof p.processingMs === 'number' ? p.processingMs : null,
  }
}
