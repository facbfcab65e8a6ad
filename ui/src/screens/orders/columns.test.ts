import { columnLengths } from './columns'
import { rowAfterKey } from './rowKeys'
import { formatMoney, formatQuantity, parseMoney } from '../../data/money'
import type { Order } from '../../data/types'

const order = (quantity: number, price: string, filledQuantity = 0) => ({ quantity, price, filledQuantity }) as Order

test.each([
  [order(1, '0.01')],
  [order(999, '999.99')],
  [order(1000, '1000.00')],
  [order(1_000_000, '10000000.00')],
  [order(25_000, '124.20', 1_500)],
])('a column has room for the longest number as it is shown: %o', (one) => {
  const lengths = columnLengths([order(1, '1.00'), one])
  const price = parseMoney(one.price)
  expect(lengths.price).toBe(formatMoney(price).length)
  const filled = one.filledQuantity > 0 ? `${formatQuantity(one.filledQuantity)} / ` : ''
  expect(lengths.quantity).toBe(filled.length + formatQuantity(one.quantity).length)
  expect(lengths.notional).toBeGreaterThanOrEqual(formatMoney(price * BigInt(one.quantity)).length)
})

test('keys lead from row to row, and not out of the table', () => {
  expect(rowAfterKey('ArrowDown', 3, 100)).toBe(4)
  expect(rowAfterKey('ArrowUp', 0, 100)).toBe(0)
  expect(rowAfterKey('PageDown', 95, 100)).toBe(99)
  expect(rowAfterKey('Home', 50, 100)).toBe(0)
  expect(rowAfterKey('End', 50, 100)).toBe(99)
  expect(rowAfterKey('b', 50, 100)).toBeNull()
})
