// The trade tape: the newest trades of the market, each once.
import type { Envelope, Trade } from './types'

const KEPT_MAX = 500

export class TradeStore {
  private items: Trade[] = []
  private readonly ids = new Set<string>()
  private readonly flagged = new Map<string, string>()
  private readonly arrived = new Map<string, number>()
  private readonly listeners = new Set<() => void>()

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  snapshot = (): Trade[] => this.items

  arrivedAt(tradeId: string): number | undefined {
    return this.arrived.get(tradeId)
  }

  put(trades: Trade[]): void {
    this.add(trades)
  }

  takeEvents(events: Envelope[]): void {
    const fresh: Trade[] = []
    let flaggedAny = false
    for (const event of events) {
      if (event.type === 'TradeExecuted') {
        const trade = event.payload as unknown as Trade
        if (typeof trade.tradeId !== 'string' || typeof trade.price !== 'string') continue
        if (!this.ids.has(trade.tradeId)) this.arrived.set(trade.tradeId, Date.now())
        fresh.push({ ...trade, flags: trade.flags ?? [] })
      } else if (event.type === 'TradeCompensated' && typeof event.payload.tradeId === 'string') {
        this.flagged.set(event.payload.tradeId, 'COMPENSATED')
        flaggedAny = true
      }
    }
    if (fresh.length > 0 || flaggedAny) this.add(fresh)
  }

  private add(trades: Trade[]): void {
    const fresh = trades.filter((trade) => !this.ids.has(trade.tradeId))
    const known = new Map(trades.map((trade) => [trade.tradeId, trade]))
    const old = this.items.map((trade) => this.flag(known.get(trade.tradeId) ?? trade))
    for (const trade of fresh) this.ids.add(trade.tradeId)
    const all = fresh
      .map((trade) => this.flag(trade))
      .concat(old)
      .sort((a, b) => (a.timestamp !== b.timestamp ? (a.timestamp > b.timestamp ? -1 : 1) : b.seq - a.seq))
    for (const trade of all.slice(KEPT_MAX)) {
      this.ids.delete(trade.tradeId)
      this.arrived.delete(trade.tradeId)
    }
    this.items = all.slice(0, KEPT_MAX)
    for (const listener of this.listeners) listener()
  }

  private flag(trade: Trade): Trade {
    const flag = this.flagged.get(trade.tradeId)
    return flag && !trade.flags.includes(flag) ? { ...trade, flags: [...trade.flags, flag] } : trade
  }
}

/** In SimFill the other side of every trade is SIM. */
export function takerSide(trade: Trade): 'BUY' | 'SELL' {
  return trade.buyOrder === 'SIM' ? 'SELL' : 'BUY'
}
