// A server in memory that answers the contract (as far as the page reads it), with a feed by long poll. Tests change its state and
// watch what the page makes of it.
import type { Cue, CueId, Envelope, LedgerEntry, Order, Persona, Status, Stream, Trade } from '../data/types'
import { formatMoney, moneyText, parseMoney } from '../data/money'

type Handler = (request: {
  method: string
  path: string
  query: URLSearchParams
  body: unknown
  headers: Headers
}) => Response | Promise<Response> | null

export const CUE_IDS: CueId[] = ['az-blip', 'region-outage', 'partition-reconcile', 'backpressure', 'time-to-accept', 'balance-unavailable']
const T0 = '2026-11-22T10:00:00.000Z'

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(body === null ? null : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers },
  })
}

export function problem(status: number, code: string, more: Record<string, unknown> = {}): Response {
  return json(status, {
    type: '/problems/test',
    title: code,
    status,
    detail: `${code} in a test`,
    code,
    retryable: status === 503,
    ...more,
  })
}

export class FakeServer {
  personas: Persona[] = [
    persona('leeuwenhoek', 'Antonie van Leeuwenhoek'),
    persona('clusius', 'Carolus Clusius'),
    persona('oosterwijck', 'Maria van Oosterwijck'),
  ]
  orders: Order[] = []
  trades: Trade[] = []
  ledgers = new Map<string, LedgerEntry[]>()
  cues = new Map<CueId, Partial<Cue>>()
  regions: Status['regions'] = [{ region: 'nl-1', state: 'UP', azs: ['az-1'], lastSeq: 0, replicationLagSeq: 0 }]
  streams: Record<Stream, Envelope[]> = { orders: [], executions: [], balances: [], ops: [] }
  requests: { method: string; path: string; body: unknown; headers: Headers }[] = []
  /** Asked first; null lets the ordinary answer through. */
  intercept: Handler = () => null
  /** Nobody answers at all. */
  dead = false
  private waiting = new Set<() => void>()

  constructor() {
    for (const one of this.personas) this.open(one.userId)
  }

  install(): this {
    globalThis.fetch = ((input: RequestInfo | URL, init?: RequestInit) => this.fetch(String(input), init)) as typeof fetch
    return this
  }

  private open(userId: string) {
    this.ledgers.set(userId, [entry(userId, 0, '10000.00', '10000.00', null)])
  }

  /** Books a filled order's cash and says so on the feed. */
  settle(order: Order): void {
    const ledger = this.ledgers.get(order.userId)!
    const amount = parseMoney(order.price) * BigInt(order.quantity)
    const delta = order.side === 'BUY' ? -amount : amount
    const balance = parseMoney(ledger[0]!.resultingBalance) + delta
    const made = entry(order.userId, ledger.length, moneyText(delta), moneyText(balance), order)
    ledger.unshift(made)
    this.emit('balances', 'BalanceUpdated', order, {
      ...made,
      currentBalance: made.resultingBalance,
      currency: 'fl',
      version: ledger.length,
    })
  }

  fill(order: Order): void {
    order.status = 'ACCEPTED'
    order.statusLabel = 'Accepted'
    order.pendingReason = null
    order.filledQuantity = order.quantity
    order.processingMs = 42
    const trade: Trade = {
      tradeId: `nl-1.t${this.trades.length + 1}`,
      buyOrder: order.side === 'BUY' ? order.orderId : 'SIM',
      sellOrder: order.side === 'SELL' ? order.orderId : 'SIM',
      quantity: order.quantity,
      price: order.price,
      timestamp: order.createdAt,
      region: 'nl-1',
      fillAz: 'az-1',
      seq: this.streams.executions.length + 1,
      flags: [],
    }
    this.trades.unshift(trade)
    this.emit('executions', 'TradeExecuted', order, { ...trade })
    this.emit('executions', 'OrderAccepted', order, { filledQuantity: order.quantity, avgFillPrice: order.price, processingMs: 42 })
    this.settle(order)
  }

  addOrder(change: Partial<Order> & { userId: string }): Order {
    const seq = this.orders.length + 1
    const made = makeOrder({ seq, orderId: `nl-1.${seq}`, ...change, persona: this.personas.find((one) => one.userId === change.userId)! })
    this.orders.unshift(made)
    return made
  }

  /** An order of somebody else, as the feed tells it. */
  receive(change: Partial<Order> & { userId: string }): Order {
    const made = this.addOrder(change)
    this.emit('orders', 'OrderReceived', made, { ...made, persona: undefined }, made.seq)
    return made
  }

  emit(stream: Stream, type: string, about: { orderId?: string; userId?: string }, payload: Record<string, unknown>, atSeq?: number): void {
    const list = this.streams[stream]
    const seq = atSeq ?? (list[list.length - 1]?.seq ?? 0) + 1
    list.push({
      stream,
      seq,
      prevSeq: seq - 1,
      eventId: `EVT#${stream}#${seq}`,
      type,
      region: 'nl-1',
      ts: new Date(Date.parse(T0) + seq * 1000).toISOString(),
      orderId: about.orderId ?? null,
      userId: about.userId ?? null,
      traceId: null,
      payload,
    })
    this.wake()
  }

  wake(): void {
    for (const wake of [...this.waiting]) wake()
  }

  cue(id: CueId, data: Record<string, unknown> = {}, message = `${id} happened`): void {
    this.cues.set(id, { active: true, since: new Date().toISOString(), severity: 'warning', message, data })
    this.emit('ops', 'CueChanged', {}, { id })
  }

  quiet(id: CueId): void {
    this.cues.delete(id)
    this.emit('ops', 'CueChanged', {}, { id })
  }

  status(): Status {
    return {
      mode: 'SIMFILL',
      regions: this.regions,
      actors: ['balance', 'gateway', 'sequencer', 'simfill'].map((name, i) => ({
        name,
        instance: '1',
        region: 'nl-1',
        az: 'az-1',
        state: 'READY',
        pid: 100 + i,
        restarts: i,
        lag: 0,
      })),
      cues: CUE_IDS.map((id) => ({ id, active: false, since: null, severity: 'warning', message: null, data: {}, ...this.cues.get(id) })),
    }
  }

  private async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET'
    const [path = '', search = ''] = url.split('?')
    const headers = new Headers(init.headers)
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : (init.body ?? null)
    const query = new URLSearchParams(search)
    if (init.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    this.requests.push({ method, path, body, headers })
    if (this.dead) throw new TypeError('Failed to fetch')
    const special = await this.intercept({ method, path, query, body, headers })
    if (special) return special
    return this.answer(method, path, query, body, init.signal ?? undefined)
  }

  private async answer(method: string, path: string, query: URLSearchParams, body: unknown, signal?: AbortSignal): Promise<Response> {
    const fields = (body ?? {}) as Record<string, unknown>
    const parts = path.split('/').slice(2).map(decodeURIComponent)
    const [route, id, verb] = parts
    switch (route) {
      case 'config':
        return json(200, { version: '1.0.0', env: 'test', region: 'nl-1', commit: 'abc', buildTime: T0, mode: 'SIMFILL' })
      case 'status':
        return json(200, this.status())
      case 'market':
        return json(200, { market: 'TULIP', currency: 'fl', tickSize: '0.01', lastPrice: this.trades[0]?.price ?? null, mode: 'SIMFILL' })
      case 'book':
        return json(200, { market: 'TULIP', seq: 0, checksum: 0, bids: [], asks: [], asOf: T0, stale: false })
      case 'alarms':
        return json(200, { items: [] })
      case 'dlq':
        return method === 'GET' ? json(200, { items: [], nextCursor: null, depth: 0 }) : json(202, {})
      case 'invariants':
        return json(200, { ok: true, checkedAt: T0, checks: [{ id: 'I1', ok: true, count: 0, sample: [] }] })
      case 'trades': {
        const userId = query.get('userId')
        const own = new Set(this.orders.filter((order) => !userId || order.userId === userId).map((order) => order.orderId))
        return json(200, {
          items: this.trades.filter((trade) => !userId || own.has(trade.buyOrder) || own.has(trade.sellOrder)),
          nextCursor: null,
        })
      }
      case 'events':
        return this.events(query, signal)
      case 'balances':
        return this.balance(id!)
      case 'personas':
        return this.persona(method, id, verb, fields)
      case 'orders':
        return this.order(method, id, verb, query, fields)
      default:
        return problem(404, 'NOT_FOUND')
    }
  }

  private async events(query: URLSearchParams, signal?: AbortSignal): Promise<Response> {
    const list = this.streams[query.get('stream') as Stream]
    const after = Number(query.get('afterSeq'))
    const wait = Number(query.get('wait') ?? 0)
    if (wait > 0 && !list.some((event) => event.seq > after)) {
      await new Promise<void>((resolve, reject) => {
        const done = () => {
          clearTimeout(timer)
          this.waiting.delete(done)
          resolve()
        }
        const timer = setTimeout(done, wait * 1000)
        this.waiting.add(done)
        signal?.addEventListener('abort', () => {
          done()
          reject(new DOMException('aborted', 'AbortError'))
        })
      })
      if (this.dead) throw new TypeError('Failed to fetch')
    }
    const items = list.filter((event) => event.seq > after)
    const lastSeq = list[list.length - 1]?.seq ?? 0
    return json(200, { items, nextAfterSeq: Math.max(after, lastSeq), lastSeq })
  }

  private balance(userId: string): Response {
    const ledger = this.ledgers.get(userId)
    if (!ledger) return problem(404, 'NOT_FOUND')
    return json(200, {
      userId,
      currentBalance: ledger[0]!.resultingBalance,
      currency: 'fl',
      updatedAt: ledger[0]!.createdAt,
      lastOrderId: ledger[0]!.orderId,
      version: ledger.length,
      pendingDelta: '0.00',
      ledger: ledger.slice(0, 10),
    })
  }

  private persona(method: string, id: string | undefined, verb: string | undefined, body: Record<string, unknown>): Response {
    const found = this.personas.find((one) => one.userId === id)
    if (method === 'GET')
      return json(200, { items: [...this.personas].sort((a, b) => a.displayName.localeCompare(b.displayName)), nextCursor: null })
    if (method === 'POST' && !id) {
      const name = String(body.displayName)
      const made = persona(name.toLowerCase().replace(/[^a-z0-9]+/g, '-'), name, String(body.bio ?? ''))
      if (this.personas.some((one) => one.userId === made.userId)) return problem(409, 'PERSONA_EXISTS')
      this.personas.push({ ...made, avatarUrl: null, seed: false })
      this.open(made.userId)
      return json(201, made)
    }
    if (!found || verb === 'avatar') return problem(404, 'NOT_FOUND')
    if (method === 'PUT') {
      Object.assign(found, body)
      return json(200, found)
    }
    if (method === 'DELETE') {
      if (this.personas.length === 1) return problem(409, 'PERSONA_LAST')
      this.personas = this.personas.filter((one) => one !== found)
      return json(204, null)
    }
    return problem(405, 'METHOD_NOT_ALLOWED')
  }

  private order(
    method: string,
    id: string | undefined,
    verb: string | undefined,
    query: URLSearchParams,
    body: Record<string, unknown>,
  ): Response {
    if (id === 'by-key') {
      const found = this.orders.find((order) => order.idempotencyKey === query.get('idempotencyKey'))
      return found ? json(200, found) : problem(404, 'NOT_FOUND')
    }
    if (method === 'GET' && !id) {
      const items = this.orders.filter(
        (order) =>
          (!query.get('userId') || order.userId === query.get('userId')) &&
          (!query.get('status') || order.status === query.get('status')) &&
          (!query.get('side') || order.side === query.get('side')),
      )
      return json(200, { items, nextCursor: null })
    }
    if (method === 'POST' && id === 'cancel-all') return json(200, { cancelled: 0 })
    if (method === 'POST' && !id) {
      const again = this.orders.find((order) => order.idempotencyKey === body.idempotencyKey)
      if (again) return json(200, again, { 'Idempotency-Replayed': 'true' })
      const made = this.receive(body as Partial<Order> & { userId: string })
      const ledger = this.ledgers.get(made.userId)!
      return json(201, {
        ...made,
        balanceSnapshot: {
          userId: made.userId,
          currentBalance: ledger[0]!.resultingBalance,
          currency: 'fl',
          pendingDelta: '0.00',
          updatedAt: T0,
        },
        warnings: [],
      })
    }
    const found = this.orders.find((order) => order.orderId === id)
    if (!found) return problem(404, 'NOT_FOUND')
    if (verb === 'cancel') {
      if (found.status !== 'PENDING') return problem(409, 'ORDER_TERMINAL')
      Object.assign(found, { status: 'CANCELLED', statusLabel: 'Cancelled', pendingReason: null })
      return json(200, found)
    }
    return json(200, { ...found, trades: [], events: [] })
  }
}

function persona(userId: string, displayName: string, bio = `${displayName} in a test.`): Persona {
  return { userId, displayName, avatarUrl: `/avatars/seed/${userId}.png`, bio, seed: true, createdAt: T0, updatedAt: T0 }
}

function entry(userId: string, n: number, delta: string, resultingBalance: string, order: Order | null): LedgerEntry {
  return {
    entryId: `${userId}.${n}`,
    orderId: order?.orderId ?? null,
    side: order?.side ?? null,
    quantity: order?.quantity ?? null,
    price: order?.price ?? null,
    delta,
    reason: order ? 'ORDER_FILL' : 'OPENING_BALANCE',
    resultingBalance,
    createdAt: new Date(Date.parse(T0) + n * 1000).toISOString(),
  }
}

export function makeOrder(change: Partial<Order> & { userId: string; seq: number }): Order {
  return {
    orderId: `nl-1.${change.seq}`,
    clientId: change.userId,
    persona: { userId: change.userId, displayName: change.userId, avatarUrl: null, bio: '' },
    market: 'TULIP',
    side: 'BUY',
    quantity: 10,
    filledQuantity: 0,
    price: '124.20',
    avgFillPrice: null,
    timeInForce: 'GTC',
    status: 'PENDING',
    statusLabel: 'Awaiting simulated fill',
    pendingReason: 'AWAITING_FILL',
    region: 'nl-1',
    acceptedAz: null,
    idempotencyKey: `key-${change.seq}`,
    simulationSeed: null,
    possibleDuplicateOf: null,
    createdAt: new Date(Date.parse(T0) + change.seq * 1000).toISOString(),
    acceptedAt: null,
    cancelledAt: null,
    processingMs: null,
    traceId: null,
    ...change,
  }
}

export function money(text: string): string {
  return formatMoney(parseMoney(text))
}

/** What tests have started and must not outlive them. */
export const fakes = {
  running: new Set<() => void>(),
  stopAll() {
    for (const stop of this.running) stop()
    this.running.clear()
  },
}
