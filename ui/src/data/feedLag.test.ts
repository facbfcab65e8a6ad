import { FeedLag } from './feedLag'

const noon = Date.parse('2026-11-29T12:00:00.400Z')
const header = 'Sun, 29 Nov 2026 12:00:00 GMT'

test('the lag is how old the newest event was when it arrived', () => {
  const lag = new FeedLag()
  lag.compareClocks(header, noon)
  expect(lag.known(noon)).toBeNull()
  lag.take('2026-11-29T12:00:00.388Z', noon)
  expect(lag.known(noon)).toBe(12)
  lag.take('2026-11-29T12:00:01.500Z', noon + 1000) // stamped a little after we saw it
  expect(lag.known(noon + 1000)).toBe(0)
})

test('it is forgotten when nothing came for a while', () => {
  const lag = new FeedLag()
  lag.compareClocks(header, noon)
  lag.take('2026-11-29T12:00:00.300Z', noon)
  expect(lag.known(noon + 9_000)).toBe(100)
  expect(lag.known(noon + 11_000)).toBeNull()
})

test.each([
  ['an hour apart', 'Sun, 29 Nov 2026 13:00:00 GMT'],
  ['five seconds apart', 'Sun, 29 Nov 2026 11:59:55 GMT'],
  ['of a server that does not say', null],
  ['that is no time', 'yesterday'],
])('with clocks %s it is not known', (_, date) => {
  const lag = new FeedLag()
  lag.compareClocks(date, noon)
  lag.take('2026-11-29T12:00:00.300Z', noon)
  expect(lag.known(noon)).toBeNull()
})
