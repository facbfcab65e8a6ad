import { makeOrder } from '../test/fakeServer'
import { OrderStore } from './orderStore'
import type { Envelope } from './types'

const nobody = (userId: string) => ({ userId, displayName: userId, avatarUrl: null, bio: '' })

function event(type: string, seq: number, orderId: string, payload: Record<string, unknown> = {}): Envelope {
  const stream = type === 'OrderReceived' ? 'orders' : 'executions'
  return {
    stream,
    seq,
    prevSeq: seq - 1,
    eventId: `${stream}${seq}`,
    type,
    region: 'nl-1',
    ts: `2026-11-22T10:00:${String(seq).padStart(2, '0')}.000Z`,
    orderId,
    userId: 'clusius',
    traceId: null,
    payload,
  }
}

const received = (seq: number) => event('OrderReceived', seq, `nl-1.${seq}`, { userId: 'clusius', side: 'BUY', quantity: 1, price: '1.00' })

test('orders stand newest first, from whichever source and in whatever order they came', () => {
  const store = new OrderStore()
  store.put([makeOrder({ userId: 'a', seq: 2 }), makeOrder({ userId: 'a', seq: 1 })])
  store.put([makeOrder({ userId: 'a', seq: 4 })])
  store.put([makeOrder({ userId: 'a', seq: 3 }), makeOrder({ userId: 'a', seq: 2 })])
  expect(store.snapshot().map((order) => order.seq)).toEqual([4, 3, 2, 1])
})

test('an outcome that arrives before its order waits for it', () => {
  const store = new OrderStore()
  store.takeEvents([event('OrderAccepted', 1, 'nl-1.5', { filledQuantity: 1, avgFillPrice: '1.00' })], nobody)
  store.takeEvents([received(5)], nobody)
  expect(store.get('nl-1.5')).toMatchObject({ status: 'ACCEPTED', filledQuantity: 1 })
})

test('a final state is never overwritten by an older reading', () => {
  const store = new OrderStore()
  store.put([makeOrder({ userId: 'a', seq: 1, status: 'CANCELLED' })])
  store.put([makeOrder({ userId: 'a', seq: 1, status: 'PENDING' })])
  store.takeEvents([event('OrderAccepted', 1, 'nl-1.1')], nobody)
  expect(store.get('nl-1.1')?.status).toBe('CANCELLED')
})

test('an event seen twice changes nothing, and listeners are not called for nothing', () => {
  const store = new OrderStore()
  store.takeEvents([received(1)], nobody)
  let calls = 0
  store.subscribe(() => calls++)
  store.takeEvents([received(1)], nobody)
  expect(calls).toBe(0)
  expect(store.snapshot()).toHaveLength(1)
})

test('a batch is one change, and unchanged orders stay the same objects', () => {
  const store = new OrderStore()
  store.takeEvents([received(1), received(2)], nobody)
  const before = store.snapshot()
  let calls = 0
  store.subscribe(() => calls++)
  store.takeEvents([received(3), event('OrderAccepted', 1, 'nl-1.1'), received(4)], nobody)
  expect(calls).toBe(1)
  expect(store.snapshot()[2]).toBe(before[0])
  expect(store.snapshot()[3]).not.toBe(before[1])
})

test('it stays bounded', () => {
  const store = new OrderStore()
  store.put(Array.from({ length: 20500 }, (_, i) => makeOrder({ userId: 'a', seq: i + 1 })))
  expect(store.snapshot()).toHaveLength(20000)
  expect(store.trimmed).toBe(true)
  expect(store.snapshot()[0]!.seq).toBe(20500)
})
