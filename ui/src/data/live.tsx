// Joins the feed to everything that shows data: the stores of orders and trades, and the cache of what was read over HTTP.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react'
import { api } from './api'
import { isMissing, Problem } from './client'
import { Feed, type FeedState } from './feed'
import { perFrame, throttle } from './frame'
import { OrderStore } from './orderStore'
import { TradeStore } from './tradeStore'
import type { Balance, Envelope, LedgerEntry, Persona, PersonaStub } from './types'

const REFRESH_MS = 1000
/** After a gap this many open orders are asked for one by one; with more it is quicker to begin again. */
const RECHECK_MAX = 40
const LEDGER_SHOWN = 10

export class Live {
  readonly orders = new OrderStore()
  readonly trades = new TradeStore()
  readonly feed: Feed
  private readonly resets = new Set<() => void>()
  private readonly refreshers = new Map<string, () => void>()
  private readonly partials = new Set<string>()

  constructor(readonly queries: QueryClient) {
    const deliver = perFrame<Envelope>((events) => this.take(events))
    this.feed = new Feed({ events: deliver, reset: () => this.reset() })
  }

  /** Called when what was read may have missed something. Returns how to stop being called. */
  onReset(listener: () => void): () => void {
    this.resets.add(listener)
    return () => this.resets.delete(listener)
  }

  personaOf = (userId: string): PersonaStub =>
    this.queries.getQueryData<{ items: Persona[] }>(['personas'])?.items.find((one) => one.userId === userId) ?? {
      userId,
      displayName: userId,
      avatarUrl: null,
      bio: '',
    }

  private reset(): void {
    void this.queries.invalidateQueries()
    const open = this.orders.pending()
    if (open.length > RECHECK_MAX) this.orders.clear()
    else for (const order of open) this.lookAt(order.orderId)
    for (const listener of this.resets) listener()
  }

  private lookAt(orderId: string): void {
    api.order(orderId).then(
      (order) => this.orders.put([order]),
      () => {},
    )
  }

  /** At most once a second per key, however many events ask for it. */
  private refresh(key: string): void {
    let refresher = this.refreshers.get(key)
    if (!refresher) {
      const queryKey = key.split(' ')
      refresher = throttle(() => void this.queries.invalidateQueries({ queryKey }), REFRESH_MS)
      this.refreshers.set(key, refresher)
    }
    refresher()
  }

  private take(events: Envelope[]): void {
    this.orders.takeEvents(events, this.personaOf)
    this.trades.takeEvents(events)
    const movements = new Map<string, Envelope[]>()
    for (const event of events) {
      this.takeOne(event)
      if (event.type !== 'BalanceUpdated' || !event.userId) continue
      const of = movements.get(event.userId)
      if (of) of.push(event)
      else movements.set(event.userId, [event])
    }
    for (const [userId, moved] of movements) this.patchBalance(userId, moved)
  }

  private takeOne(event: Envelope): void {
    switch (event.type) {
      case 'OrderReceived':
        if (event.userId) this.refresh(`balance ${event.userId}`)
        break
      case 'TradeExecuted':
        this.refresh('market')
        this.refresh('book')
        this.refresh('pulse')
        if (event.userId) this.refresh(`portfolio ${event.userId}`)
        if (event.orderId) this.lookAtPartial(event.orderId)
        break
      case 'OrderCancelled':
      case 'OrderRejected':
        if (event.userId) this.refresh(`balance ${event.userId}`)
        break
      case 'BalanceUpdated':
        if (event.userId) {
          this.refresh(`balance ${event.userId}`)
          this.refresh(`portfolio ${event.userId}`)
        }
        break
      case 'BalanceAdjustmentFailed':
      case 'DeadLettered':
      case 'DeadLetterRedriven':
      case 'DeadLetterDiscarded':
        this.refresh('dlq')
        break
      case 'PersonaCreated':
      case 'PersonaUpdated':
      case 'PersonaDeleted':
        this.refresh('personas')
        break
      case 'AlarmRaised':
      case 'AlarmCleared':
        this.refresh('alarms')
        this.refresh('status')
        break
      case 'CueChanged':
      case 'RegionHealthChanged':
      case 'FaultStarted':
      case 'FaultEnded':
      case 'Reconciled':
      case 'TradeCompensated':
        this.refresh('status')
        this.refresh('reconciliation')
        break
    }
  }

  /** A trade that is not the order's last: ask for the order, once it is clear that its end does not follow at once. */
  private lookAtPartial(orderId: string): void {
    if (this.partials.has(orderId) || this.partials.size >= 20) return
    this.partials.add(orderId)
    setTimeout(() => {
      this.partials.delete(orderId)
      if (this.orders.get(orderId)?.status === 'PENDING') this.lookAt(orderId)
    }, 700)
  }

  /** The events carry the new balance and its ledger entries: show them now, the rest is read a moment later. */
  private patchBalance(userId: string, events: Envelope[]): void {
    this.queries.setQueryData<Balance>(['balance', userId], (old) => {
      if (!old) return old
      const entries = events
        .map((event) => event.payload as unknown as LedgerEntry & { currentBalance: string; version: number })
        .filter((entry) => typeof entry.currentBalance === 'string' && entry.version > old.version)
      const last = entries[entries.length - 1]
      if (!last) return old
      const fresh = new Set(entries.map((entry) => entry.entryId))
      return {
        ...old,
        currentBalance: last.currentBalance,
        version: last.version,
        updatedAt: last.createdAt,
        lastOrderId: last.orderId ?? old.lastOrderId,
        ledger: [...entries.reverse(), ...old.ledger.filter((one) => !fresh.has(one.entryId))].slice(0, LEDGER_SHOWN),
      }
    })
  }
}

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5000,
        gcTime: 5 * 60_000,
        refetchOnWindowFocus: true,
        // A refusal stays a refusal; what could not be reached is tried again, soon.
        retry: (count, error) => !(isMissing(error) || (error instanceof Problem && error.status < 500)) && count < 1,
        retryDelay: 400,
        // The browser's idea of being online is no reason not to ask a server on this machine.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  })
}

const LiveContext = createContext<Live | null>(null)

export function LiveProvider({ children, live }: { children: ReactNode; live?: Live }) {
  const value = useMemo(() => live ?? new Live(newQueryClient()), [live])
  useEffect(() => {
    value.feed.start()
    return () => value.feed.stop()
  }, [value])
  return (
    <LiveContext.Provider value={value}>
      <QueryClientProvider client={value.queries}>{children}</QueryClientProvider>
    </LiveContext.Provider>
  )
}

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLive outside of LiveProvider')
  return live
}

export function useFeed(): FeedState {
  const { feed } = useLive()
  return useSyncExternalStore(feed.subscribe, feed.snapshot)
}
