// Every route the page uses, one function each.
import { get, query, request } from './client'
import type {
  Alarm,
  Balance,
  Book,
  Candle,
  Config,
  DeadLetter,
  EventPage,
  Invariants,
  LogLine,
  Market,
  Order,
  OrderDetail,
  Page,
  Persona,
  Portfolio,
  Pulse,
  ReplayVerified,
  Side,
  Status,
  Stream,
  Trade,
} from './types'

const id = encodeURIComponent

export interface OrderFilter {
  userId?: string
  status?: string
  side?: string
}

export interface NewOrder {
  userId: string
  clientId: string
  idempotencyKey: string
  side: Side
  quantity: number
  price: string
  timeInForce: 'GTC' | 'IOC' | 'FOK'
  /** What the simulated market does with it; the server's choice when absent. */
  simulationSeed?: string
}

export const api = {
  config: () => get<Config>('/api/config'),
  status: (signal?: AbortSignal) => get<Status>('/api/status', { timeoutMs: 5000, signal }),
  market: () => get<Market>('/api/market'),
  book: (depth = 20) => get<Book>(`/api/book${query({ depth })}`),
  candles: (interval: string, limit = 200) => get<Page<Candle>>(`/api/candles${query({ interval, limit })}`),
  pulse: () => get<Pulse>('/api/metrics/pulse'),

  orders: (filter: OrderFilter, cursor: string | null, limit: number, signal?: AbortSignal) =>
    get<Page<Order>>(`/api/orders${query({ ...filter, limit, cursor })}`, { signal }),
  ordersCsv: (filter: OrderFilter, cursor: string | null) =>
    request<string>('GET', `/api/orders${query({ ...filter, format: 'csv', limit: 200, cursor })}`, {
      headers: { Accept: 'text/csv' },
    }),
  order: (orderId: string) => get<OrderDetail>(`/api/orders/${id(orderId)}`),
  orderByKey: (clientId: string, idempotencyKey: string) => get<Order>(`/api/orders/by-key${query({ clientId, idempotencyKey })}`),
  submit: (order: NewOrder) => request<Order>('POST', '/api/orders', { body: order, headers: { 'Idempotency-Key': order.idempotencyKey } }),
  cancel: (orderId: string) => request<Order>('POST', `/api/orders/${id(orderId)}/cancel`, { body: {} }),
  cancelAll: (userId: string) => request<{ cancelled: number }>('POST', '/api/orders/cancel-all', { body: { userId } }),

  trades: (filter: { userId?: string; orderId?: string }, cursor: string | null, limit: number) =>
    get<Page<Trade>>(`/api/trades${query({ ...filter, limit, cursor })}`),

  balance: (userId: string) => get<Balance>(`/api/balances/${id(userId)}?limit=10`),
  portfolio: (userId: string) => get<Portfolio>(`/api/portfolio/${id(userId)}`),

  personas: () => get<{ items: Persona[] }>('/api/personas'),
  createPersona: (displayName: string, bio: string) =>
    request<Persona>('POST', '/api/personas', { body: bio ? { displayName, bio } : { displayName } }),
  updatePersona: (userId: string, displayName: string, bio: string) =>
    request<Persona>('PUT', `/api/personas/${id(userId)}`, { body: { displayName, bio } }),
  deletePersona: (userId: string) => request<null>('DELETE', `/api/personas/${id(userId)}`),
  restorePersona: (userId: string) => request<Persona>('POST', `/api/personas/${id(userId)}/restore`, { body: {} }),
  putAvatar: (userId: string, file: Blob) =>
    request<{ avatarUrl: string; width: number; height: number; bytes: number }>('PUT', `/api/personas/${id(userId)}/avatar`, {
      file,
      timeoutMs: 20_000,
    }),

  events: (stream: Stream, afterSeq: number, options: { limit?: number; wait?: number; signal?: AbortSignal } = {}) =>
    get<EventPage>(`/api/events${query({ stream, afterSeq, limit: options.limit ?? 1000, wait: options.wait })}`, {
      timeoutMs: ((options.wait ?? 0) + 10) * 1000,
      signal: options.signal,
    }),

  alarms: () => get<{ items: Alarm[] }>('/api/alarms'),
  deadLetters: () => get<Page<DeadLetter> & { depth: number }>('/api/dlq?limit=100'),
  redrive: (dlqId: string) => request<unknown>('POST', `/api/dlq/${id(dlqId)}/redrive`, { body: {} }),
  discard: (dlqId: string) => request<unknown>('DELETE', `/api/dlq/${id(dlqId)}`),
  invariants: () => get<Invariants>('/api/invariants', { timeoutMs: 30_000 }),
  verifyReplay: async () => (await request<ReplayVerified>('POST', '/api/replay/verify', { body: {}, timeoutMs: 70_000 })).value,
  logs: (filter: { orderId?: string; level?: string }) => get<{ items: LogLine[] }>(`/api/logs${query({ ...filter, limit: 100 })}`),
  reconciliation: () => get<Record<string, unknown>>('/api/reconciliation'),
}
