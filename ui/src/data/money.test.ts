import { formatMoney, moneyText, parseMoney, parsePrice, parseQuantity, percentText } from './money'

test('an amount goes through unharmed, also beyond what a double holds', () => {
  for (const text of ['0.00', '-1242.00', '124.20', '92233720368547758.07', '-0.01']) expect(moneyText(parseMoney(text))).toBe(text)
})

test('what is not the contract’s notation is refused, not guessed', () => {
  for (const text of ['1', '1.2', '1,00', '1e3', '', 'NaN', '--1.00', '1.000']) expect(() => parseMoney(text)).toThrow()
})

test('amounts are grouped for reading', () => {
  expect(formatMoney(1000000n)).toBe('10,000.00')
  expect(formatMoney(-124205n)).toBe('−1,242.05')
  expect(formatMoney(500n, { signed: true })).toBe('+5.00')
  expect(formatMoney(99n)).toBe('0.99')
})

test.each([
  ['124.20', 12420n],
  ['124,2', 12420n],
  ['fl 7', 700n],
  ['0.01', 1n],
  ['10000000.00', 1000000000n],
  ['5.', 500n],
])('the price %s is understood', (text, cents) => {
  expect(parsePrice(text)).toEqual({ ok: true, value: cents })
})

test.each(['', '0', '1.234', '-5', '1e3', 'abc', '10000000.01', '1,000,000'])('the price %j is not', (text) => {
  expect(parsePrice(text).ok).toBe(false)
})

test('quantities are whole numbers from 1 to a million', () => {
  expect(parseQuantity('1000000')).toEqual({ ok: true, value: 1000000 })
  for (const text of ['0', '1000001', '1.5', '-1', '1e3', '']) expect(parseQuantity(text).ok).toBe(false)
})

test('percentages have two decimals', () => {
  expect(percentText(1n, 3n)).toBe('33.33')
  expect(percentText(2n, 3n)).toBe('66.67')
  expect(percentText(-1n, 4n)).toBe('-25.00')
  expect(percentText(1n, 0n)).toBeNull()
})
