import { FakeServer, problem } from '../test/fakeServer'
import { adoptOwn, forget, lookUp, newKey, sendAttempt, startAttempt, thisTab, unresolved, type Attempt } from './attempts'

const clusius = { userId: 'clusius', displayName: 'Carolus Clusius' }
const ticket = { side: 'BUY' as const, quantity: 10, price: '124.20' }
const stored = () => JSON.parse(localStorage.getItem('tb.attempts') ?? '[]') as Attempt[]

test('the key is stored before the first send, and crossed out when the outcome is known', async () => {
  const server = new FakeServer().install()
  const attempt = startAttempt(clusius, ticket)
  let keptAtSend: Attempt[] = []
  server.intercept = ({ method }) => {
    if (method === 'POST') keptAtSend = stored()
    return null
  }
  expect(await sendAttempt(attempt)).toMatchObject({ kind: 'accepted', replayed: false })
  expect(keptAtSend).toMatchObject([{ idempotencyKey: attempt.idempotencyKey, quantity: 10, state: 'sending' }])
  expect(stored()).toEqual([])
})

test('header and body carry the same key, and the persona is the client', async () => {
  const server = new FakeServer().install()
  const attempt = startAttempt(clusius, ticket)
  await sendAttempt(attempt)
  const sent = server.requests.find((request) => request.method === 'POST')!
  expect(sent.headers.get('Idempotency-Key')).toBe(attempt.idempotencyKey)
  expect(sent.body).toMatchObject({ userId: 'clusius', clientId: 'clusius', idempotencyKey: attempt.idempotencyKey, price: '124.20' })
  expect(attempt.idempotencyKey).toContain('clusius')
  expect(newKey('clusius')).not.toBe(newKey('clusius'))
})

test.each([
  ['no answer', null],
  ['503 BACKPRESSURE', problem(503, 'BACKPRESSURE')],
  ['500 INTERNAL', problem(500, 'INTERNAL')],
])('after %s the very same order can be sent again, and there is one order', async (_, answer) => {
  const server = new FakeServer().install()
  const attempt = startAttempt(clusius, ticket)
  server.dead = answer === null
  server.intercept = () => answer
  expect((await sendAttempt(attempt)).kind).toBe('unclear')
  expect(unresolved()).toHaveLength(1)
  server.dead = false
  server.intercept = () => null
  expect(await sendAttempt(unresolved()[0]!)).toMatchObject({ kind: 'accepted' })
  const keys = server.requests.filter((request) => request.method === 'POST').map((request) => request.headers.get('Idempotency-Key'))
  expect(new Set(keys).size).toBe(1)
  expect(server.orders).toHaveLength(1)
  expect(unresolved()).toHaveLength(0)
})

test('an answer lost on the way back is found out by the retry', async () => {
  const server = new FakeServer().install()
  const attempt = startAttempt(clusius, ticket)
  await sendAttempt(attempt)
  expect(await sendAttempt(attempt)).toMatchObject({ kind: 'accepted', replayed: true })
  expect(server.orders).toHaveLength(1)
})

test('a refusal is a clear answer: nothing to retry', async () => {
  const server = new FakeServer().install()
  server.intercept = () => problem(400, 'VALIDATION', { errors: [{ field: 'price', code: 'TOO_MANY_DECIMALS', message: 'has too many' }] })
  expect(await sendAttempt(startAttempt(clusius, ticket))).toMatchObject({ kind: 'refused' })
  expect(unresolved()).toHaveLength(0)
})

test('what a reload interrupted is taken up by the page that follows, in the same tab', () => {
  const before: Attempt = { ...startAttempt(clusius, ticket), tab: 'the page before', state: 'sending' }
  localStorage.setItem('tb.attempts', JSON.stringify([before]))
  sessionStorage.setItem('tb.tab', 'the page before')
  adoptOwn()
  expect(unresolved()).toMatchObject([{ idempotencyKey: before.idempotencyKey, state: 'unclear', tab: thisTab }])
  forget(before.idempotencyKey)
})

test('another tab’s order on its way is left to that tab for a while', () => {
  const other: Attempt = { ...startAttempt(clusius, ticket), tab: 'another', state: 'sending', startedAt: Date.now() }
  localStorage.setItem('tb.attempts', JSON.stringify([other]))
  expect(unresolved()).toHaveLength(0)
  expect(unresolved(Date.now() + 60_000)).toHaveLength(1)
})

test('a damaged store does no harm', () => {
  localStorage.setItem('tb.attempts', '{"not": "a list"')
  expect(Array.isArray(unresolved())).toBe(true)
})

test('looking up tells arrived, not arrived, and nobody knows apart', async () => {
  const server = new FakeServer().install()
  const attempt = startAttempt(clusius, ticket)
  expect(await lookUp(attempt)).toEqual({ known: false })
  server.addOrder({ userId: 'clusius', idempotencyKey: attempt.idempotencyKey })
  expect(await lookUp(attempt)).toMatchObject({ known: true })
  server.dead = true
  expect(await lookUp(attempt)).toBeNull()
})
