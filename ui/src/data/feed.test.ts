import { waitFor } from '@testing-library/react'
import { FakeServer, fakes } from '../test/fakeServer'
import { Feed } from './feed'
import type { Envelope } from './types'

function start(server: FakeServer) {
  const events: Envelope[] = []
  let resets = 0
  const feed = new Feed({ events: (batch) => events.push(...batch), reset: () => resets++ })
  fakes.running.add(() => feed.stop())
  server.install()
  feed.start()
  return { feed, events, resets: () => resets }
}

const order = { orderId: 'nl-1.1', userId: 'clusius' }

test('without a live stream it polls, begins at the present and misses nothing after', async () => {
  const server = new FakeServer()
  server.emit('orders', 'OrderReceived', order, { old: true })
  const { feed, events, resets } = start(server)
  await waitFor(() => expect(feed.snapshot()).toMatchObject({ phase: 'live', transport: 'poll' }))
  expect(resets()).toBe(1)
  expect(events).toHaveLength(0)
  server.emit('orders', 'OrderReceived', order, {})
  server.emit('executions', 'OrderAccepted', order, {})
  server.emit('balances', 'BalanceUpdated', order, {})
  server.emit('ops', 'CueChanged', {}, {})
  await waitFor(() => expect(events.map((event) => event.stream).sort()).toEqual(['balances', 'executions', 'ops', 'orders']))
})

test('a server that does not answer is never live; it is down until it answers', async () => {
  const server = new FakeServer()
  server.dead = true
  const { feed } = start(server)
  await waitFor(() => expect(feed.snapshot().phase).toBe('down'))
  expect(feed.snapshot().problem).toBeTruthy()
  server.dead = false
  await waitFor(() => expect(feed.snapshot().phase).toBe('live'))
})

test('a feed that was live and loses its server says so at once, and what happened meanwhile arrives', async () => {
  const server = new FakeServer()
  const { feed, events } = start(server)
  await waitFor(() => expect(feed.snapshot().phase).toBe('live'))
  server.dead = true
  server.wake()
  await waitFor(() => expect(feed.snapshot().phase).toBe('late'))
  server.emit('orders', 'OrderReceived', order, {})
  server.dead = false
  await waitFor(() => expect(events).toHaveLength(1))
  expect(feed.snapshot().phase).toBe('live')
})

test('far behind it does not walk through everything: it asks for a fresh reading', async () => {
  const server = new FakeServer()
  const { feed, events, resets } = start(server)
  await waitFor(() => expect(feed.snapshot().phase).toBe('live'))
  server.intercept = ({ path, query }) =>
    path === '/api/events' && query.get('stream') === 'ops' && Number(query.get('afterSeq')) < 90_000
      ? new Response(JSON.stringify({ items: [], nextAfterSeq: 1000, lastSeq: 90_000 }), {
          headers: { 'Content-Type': 'application/json' },
        })
      : null
  await waitFor(() => expect(resets()).toBe(2))
  expect(events).toHaveLength(0)
})

test('a live stream is preferred, and resumed where it was lost', async () => {
  const server = new FakeServer()
  const asked: (string | null)[] = []
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null
  const say = (text: string) => controller!.enqueue(new TextEncoder().encode(text))
  server.intercept = ({ path, headers }) => {
    if (path !== '/api/stream') return null
    asked.push(headers.get('Last-Event-ID'))
    const body = new ReadableStream<Uint8Array>({ start: (made) => void (controller = made) })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
  const { feed, events, resets } = start(server)
  await waitFor(() => expect(feed.snapshot()).toMatchObject({ phase: 'live', transport: 'stream' }))
  const envelope = JSON.stringify({ stream: 'orders', seq: 1, type: 'OrderReceived', payload: {} })
  say(`id: cursor-1\nevent: OrderReceived\ndata: ${envelope}\n\n`)
  await waitFor(() => expect(events).toHaveLength(1))
  say('id: cursor-2\n\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  controller!.close()
  await waitFor(() => expect(asked).toEqual([null, 'cursor-2']))
  expect(resets()).toBe(1)
  await waitFor(() => expect(feed.snapshot().phase).toBe('live'))
  say('event: reset\ndata: {}\n\n')
  await waitFor(() => expect(resets()).toBe(2))
})
