import { drainSeconds } from '../app/Cues'
import { latencyOf, percentile, queuedOf } from '../screens/overview/health'
import { shares, worthFromServer, worthFromTrades } from '../screens/portfolio/worth'
import { FakeServer, makeOrder } from '../test/fakeServer'
import { positionFrom } from './positions'
import { pulseFromTrades } from './tape'
import type { Trade } from './types'

function trade(side: 'BUY' | 'SELL', quantity: number, price: string, second = 0): Trade {
  return {
    tradeId: `${side}${quantity}${price}${second}`,
    buyOrder: side === 'BUY' ? 'x' : 'SIM',
    sellOrder: side === 'SELL' ? 'x' : 'SIM',
    quantity,
    price,
    timestamp: new Date(Date.UTC(2026, 10, 22, 10, 0, second)).toISOString(),
    region: 'nl-1',
    fillAz: null,
    seq: second,
    flags: [],
  }
}

test('a position is bought at average cost, and what is sold takes its share along', () => {
  const position = positionFrom([trade('BUY', 10, '100.00'), trade('BUY', 10, '110.00'), trade('SELL', 5, '120.00')])
  expect(position).toEqual({ quantity: 15, cost: 157500n, realized: 7500n, trades: 3 })
})

test('selling more than is held opens a short position', () => {
  const position = positionFrom([trade('BUY', 2, '10.00'), trade('SELL', 5, '12.00')])
  expect(position).toEqual({ quantity: -3, cost: 3600n, realized: 400n, trades: 2 })
})

test('total value is holdings and cash, to the cent, and the shares add up to 100.00', () => {
  const worth = worthFromTrades(666667n, positionFrom([trade('BUY', 3, '1111.11')]), 'TULIP', 111111n)
  expect(worth.total).toBe(666667n + 333333n)
  expect(shares(worth)).toMatchObject({ cash: '66.67', positions: '33.33' })
  expect(worth.lines[0]).toMatchObject({ quantity: 3, averageCents: 111111n, gainCents: 0n })
})

test('a short position is worth less than nothing', () => {
  const worth = worthFromTrades(100000n, positionFrom([trade('SELL', 2, '100.00')]), 'TULIP', 15000n)
  expect(worth.holdings).toBe(-30000n)
  expect(worth.lines[0]!.gainCents).toBe(-10000n)
  expect(shares(worth)).toMatchObject({ cash: '142.86', positions: '-42.86', cashWidth: 100 })
})

test('without a price nothing is made up', () => {
  const worth = worthFromTrades(100n, positionFrom([trade('BUY', 1, '5.00')]), 'TULIP', null)
  expect(worth.total).toBeNull()
  expect(shares(worth)).toBeNull()
})

test('a served portfolio is taken as it is', () => {
  const worth = worthFromServer({
    userId: 'clusius',
    cashBalance: '1.00',
    holdingsValue: '3.00',
    totalValue: '4.00',
    currency: 'fl',
    positions: [],
    allocation: { cashPct: 25, positionsPct: 75 },
  })
  expect(worth).toMatchObject({ total: 400n, derived: false })
})

test('the pulse groups trades by time and weighs prices by quantity', () => {
  const { points, stepSeconds } = pulseFromTrades([trade('BUY', 1, '10.00', 1), trade('SELL', 3, '20.00', 1), trade('BUY', 2, '5.00', 3)])
  expect(stepSeconds).toBe(1)
  expect(points.map(({ averageCents, buys, sells }) => ({ averageCents, buys, sells }))).toEqual([
    { averageCents: 1750n, buys: 1, sells: 1 },
    { averageCents: 500n, buys: 1, sells: 0 },
  ])
})

test('percentiles are of what was measured', () => {
  expect(percentile([], 50)).toBeNull()
  expect(percentile([5], 95)).toBe(5)
  expect(percentile([4, 1, 3, 2], 50)).toBe(2)
})

test('latency and queue come from the server when it says them, else from what it does say', () => {
  const orders = [1, 2, 3].map((seq) => makeOrder({ userId: 'a', seq, status: 'ACCEPTED', processingMs: seq * 10 }))
  expect(latencyOf(undefined, orders)).toMatchObject({ p50: 20, p95: 30 })
  const status = new FakeServer().status()
  status.actors[0]!.lag = 7
  expect(queuedOf(undefined, status).count).toBe(7)
  expect(queuedOf(undefined, undefined).count).toBeNull()
})

test('a backlog drains only while it falls', () => {
  expect(
    drainSeconds([
      { at: 0, value: 1000 },
      { at: 1000, value: 900 },
    ]),
  ).toBe(9)
  expect(
    drainSeconds([
      { at: 0, value: 900 },
      { at: 1000, value: 1000 },
    ]),
  ).toBeNull()
  expect(drainSeconds([{ at: 0, value: 900 }])).toBeNull()
})
