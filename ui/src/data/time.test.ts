import { vi } from 'vitest'
import { reading } from './time'

test('the clock for ages holds still between two renderings and catches up after a pause', () => {
  vi.useFakeTimers({ now: Date.parse('2031-01-01T10:00:00Z') })
  try {
    const first = reading()
    expect(first).toBe(Date.now())
    vi.setSystemTime(Date.now() + 999)
    expect(reading()).toBe(first)
    vi.setSystemTime(Date.now() + 60_000)
    expect(reading()).toBe(Date.now())
  } finally {
    vi.useRealTimers()
  }
})
