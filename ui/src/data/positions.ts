// Holdings, worked out from the trades the server has: for a server without /api/portfolio. Average cost; a sale below zero opens a
// short position at its price.
import { api } from './api'
import { parseMoney, type Cents } from './money'
import type { Trade } from './types'

const PAGES_MAX = 50

export interface DerivedPosition {
  quantity: number
  /** Σ price × quantity of what is held; the average price is this divided by the quantity. */
  cost: Cents
  realized: Cents
  trades: number
}

/** `trades` oldest first. */
export function positionFrom(trades: Trade[]): DerivedPosition {
  let quantity = 0
  let cost = 0n
  let realized = 0n
  for (const trade of trades) {
    const price = parseMoney(trade.price)
    const change = trade.sellOrder === 'SIM' ? trade.quantity : -trade.quantity
    const closing = quantity !== 0 && Math.sign(change) !== Math.sign(quantity) ? Math.min(Math.abs(change), Math.abs(quantity)) : 0
    if (closing > 0) {
      const share = (cost * BigInt(closing)) / BigInt(Math.abs(quantity))
      const proceeds = price * BigInt(closing)
      realized += quantity > 0 ? proceeds - share : share - proceeds
      cost -= share
      quantity += Math.sign(change) * closing
    }
    const opening = Math.abs(change) - closing
    if (opening > 0) {
      cost += price * BigInt(opening)
      quantity += Math.sign(change) * opening
    }
  }
  return { quantity, cost, realized, trades: trades.length }
}

/** Null when the history is too long to walk through here. */
export async function readPosition(userId: string): Promise<DerivedPosition | null> {
  const trades: Trade[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer: { items: Trade[]; nextCursor: string | null } = await api.trades({ userId }, cursor, 200)
    trades.push(...answer.items)
    cursor = answer.nextCursor
    if (cursor === null) return positionFrom(trades.reverse())
  }
  return null
}
