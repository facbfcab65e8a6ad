// What a persona owns: from /api/portfolio where the server has it, else worked out from its trades, the last price and its balance.
import { parseMoney, parseMoneyOrNull, percentText, type Cents } from '../../data/money'
import type { DerivedPosition } from '../../data/positions'
import type { Portfolio } from '../../data/types'

export interface Line {
  market: string
  quantity: number
  averageCents: Cents | null
  lastCents: Cents | null
  valueCents: Cents | null
  gainCents: Cents | null
}

export interface Worth {
  cash: Cents
  holdings: Cents | null
  total: Cents | null
  lines: Line[]
  derived: boolean
}

export function worthFromServer(portfolio: Portfolio): Worth {
  return {
    cash: parseMoney(portfolio.cashBalance),
    holdings: parseMoney(portfolio.holdingsValue),
    total: parseMoney(portfolio.totalValue),
    lines: portfolio.positions.map((position) => ({
      market: position.market,
      quantity: position.quantity,
      averageCents: parseMoneyOrNull(position.avgPrice),
      lastCents: parseMoneyOrNull(position.lastPrice),
      valueCents: parseMoneyOrNull(position.marketValue),
      gainCents: parseMoneyOrNull(position.unrealizedPnl),
    })),
    derived: false,
  }
}

export function worthFromTrades(cash: Cents, position: DerivedPosition, market: string, last: Cents | null): Worth {
  if (position.quantity === 0) return { cash, holdings: 0n, total: cash, lines: [], derived: true }
  const size = BigInt(Math.abs(position.quantity))
  const value = last === null ? null : last * BigInt(position.quantity)
  const signedCost = position.quantity > 0 ? position.cost : -position.cost
  return {
    cash,
    holdings: value,
    total: value === null ? null : cash + value,
    lines: [
      {
        market,
        quantity: position.quantity,
        averageCents: (position.cost * 2n + size) / (size * 2n),
        lastCents: last,
        valueCents: value,
        gainCents: value === null ? null : value - signedCost,
      },
    ],
    derived: true,
  }
}

/** Cash and positions in percent of the total, adding up to 100.00; null when that says nothing (no total, or one below zero). */
export function shares(worth: Worth): { cash: string; positions: string; cashWidth: number } | null {
  if (worth.total === null || worth.holdings === null || worth.total <= 0n) return null
  const cash = percentText(worth.cash, worth.total)
  if (cash === null) return null
  const cents = parseMoney(cash)
  const rest = 10000n - cents
  const positions = `${rest < 0n ? '-' : ''}${(rest < 0n ? -rest : rest) / 100n}.${String((rest < 0n ? -rest : rest) % 100n).padStart(2, '0')}`
  return { cash, positions, cashWidth: Math.min(100, Math.max(0, Number(cents) / 100)) }
}
