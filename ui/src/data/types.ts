// The contract's shapes, as far as the page reads them. Money is text until money.ts has parsed it.

export type Side = 'BUY' | 'SELL'
export type OrderStatus = 'PENDING' | 'ACCEPTED' | 'CANCELLED' | 'REJECTED'
export type PendingReason = 'AWAITING_FILL' | 'QUEUED' | 'RETRYING' | 'RESTING'
export type Stream = 'orders' | 'executions' | 'balances' | 'ops'

export interface PersonaStub {
  userId: string
  displayName: string
  avatarUrl: string | null
  bio: string
  deleted?: boolean
}

export interface Persona extends PersonaStub {
  seed: boolean
  createdAt: string
  updatedAt: string
}

export interface BalanceSnapshot {
  userId: string
  currentBalance: string
  currency: string
  pendingDelta: string
  updatedAt: string | null
}

export interface Warning {
  code: string
  message?: string
}

export interface Order {
  orderId: string
  clientId: string
  userId: string
  persona: PersonaStub
  market: string
  side: Side
  quantity: number
  filledQuantity: number
  price: string
  avgFillPrice: string | null
  timeInForce: 'GTC' | 'IOC' | 'FOK'
  status: OrderStatus
  statusLabel: string
  pendingReason: PendingReason | null
  region: string
  acceptedAz: string | null
  seq: number
  idempotencyKey: string
  simulationSeed: string | null
  possibleDuplicateOf: string | null
  createdAt: string
  acceptedAt: string | null
  cancelledAt: string | null
  processingMs: number | null
  traceId: string | null
  balanceSnapshot?: BalanceSnapshot | null
  warnings?: Warning[]
}

export interface OrderDetail extends Order {
  trades: Trade[]
  events: Envelope[]
}

export interface Trade {
  tradeId: string
  buyOrder: string
  sellOrder: string
  quantity: number
  price: string
  timestamp: string
  region: string
  fillAz: string | null
  seq: number
  flags: string[]
}

export interface LedgerEntry {
  entryId: string
  orderId: string | null
  side: Side | null
  quantity: number | null
  price: string | null
  delta: string
  reason: string
  resultingBalance: string
  createdAt: string
}

export interface Balance {
  userId: string
  currentBalance: string
  currency: string
  updatedAt: string | null
  lastOrderId: string | null
  version: number
  pendingDelta: string | null
  ledger: LedgerEntry[]
}

export interface Market {
  market: string
  currency: string
  tickSize: string
  lastPrice: string | null
  mode: 'SIMFILL' | 'MATCHER'
}

export interface Book {
  market: string
  seq: number
  checksum: number
  bids: [string, number][]
  asks: [string, number][]
  asOf: string
  stale: boolean
}

export interface Candle {
  start: string
  open: string
  high: string
  low: string
  close: string
  volume: number
}

export interface Position {
  market: string
  quantity: number
  avgPrice: string
  lastPrice: string
  marketValue: string
  unrealizedPnl: string
}

export interface Portfolio {
  userId: string
  cashBalance: string
  holdingsValue: string
  totalValue: string
  currency: string
  positions: Position[]
  allocation: { cashPct: number | string; positionsPct: number | string }
}

export interface Pulse {
  points: { ts: string; avgPrice: string | null; buyOrders: number; sellOrders: number }[]
  stats: { lastPrice: string | null; buyShare: number; sellShare: number; ordersSampled: number }
  latency: { p50Ms: number | null; p95Ms: number | null; p99Ms: number | null }
  queueDepth: number
  dlqDepth: number
}

export interface Actor {
  name: string
  instance: string
  region: string
  az: string | null
  state: string
  pid: number
  restarts: number
  lag: number
}

export type CueId = 'az-blip' | 'region-outage' | 'partition-reconcile' | 'backpressure' | 'time-to-accept' | 'balance-unavailable'

export interface Cue {
  id: CueId
  active: boolean
  since: string | null
  severity: string
  message: string | null
  data: Record<string, unknown>
}

export interface Region {
  region: string
  state: string
  azs: string[]
  lastSeq: number
  replicationLagSeq: number
}

export interface Status {
  mode: string
  regions: Region[]
  actors: Actor[]
  cues: Cue[]
}

export interface Config {
  version: string
  env: string
  region: string
  commit: string
  buildTime: string
  mode: string
}

export interface Alarm {
  id: string
  since: string
  severity: string
  message: string
  value: number
}

export interface DeadLetter {
  dlqId: string
  type: string
  orderId: string | null
  userId: string
  attempts: number
  firstFailedAt: string
  lastError: string
  payload: Record<string, unknown>
}

export interface Invariants {
  ok: boolean
  checkedAt: string
  checks: { id: string; ok: boolean; count: number; sample: unknown }[]
}

export interface ReplayVerified {
  ok: boolean
  orders: number
  liveHash: string
  replayHash: string
  firstDivergence: string | null
}

export interface LogLine {
  ts: string
  level: string
  actor: string
  message: string
  orderId?: string | null
  userId?: string | null
  traceId?: string | null
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export interface Envelope {
  stream: Stream
  seq: number
  prevSeq: number
  eventId: string
  type: string
  region: string
  ts: string
  orderId: string | null
  userId: string | null
  traceId: string | null
  payload: Record<string, unknown>
}

export interface EventPage {
  items: Envelope[]
  nextAfterSeq: number
  lastSeq: number
}

export interface FieldError {
  field: string
  code: string
  message: string
}
