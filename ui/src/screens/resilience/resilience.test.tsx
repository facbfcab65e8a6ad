import { screen, waitFor, within } from '@testing-library/react'
import { adminToken } from '../../data/client'
import { json, problem } from '../../test/fakeServer'
import { renderApp } from '../../test/render'

const letter = {
  dlqId: 'nl-1.3',
  type: 'BalanceAdjustment',
  orderId: 'nl-1.9',
  userId: 'clusius',
  attempts: 5,
  firstFailedAt: '2026-11-22T10:00:00.000Z',
  lastError: 'poisoned',
  payload: { delta: '5.00' },
}

test('actors with state, restarts and lag; invariants with words', async () => {
  renderApp('/resilience')
  const actors = await screen.findByRole('region', { name: 'Actors' })
  expect(await within(actors).findByText('sequencer')).toBeInTheDocument()
  expect(within(actors).getAllByText('Ready')).toHaveLength(4)
  expect(await screen.findByText('One ledger entry per accepted order, and none else')).toBeInTheDocument()
})

test('a dead letter is redriven by one press, a discard asks first', async () => {
  let items = [letter]
  const { user, server } = renderApp('/resilience', (server) => {
    server.intercept = ({ path, method }) => {
      if (path === '/api/dlq') return json(200, { items, nextCursor: null, depth: items.length })
      if (path.endsWith('/redrive') && method === 'POST') {
        items = []
        return json(202, {})
      }
      return null
    }
  })
  expect(await screen.findByText('fl +5.00')).toBeInTheDocument()
  await user.click(screen.getByRole('button', { name: 'Discard nl-1.3' }))
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Keep it' }))
  expect(server.requests.some((request) => request.method === 'DELETE')).toBe(false)
  await user.click(screen.getByRole('button', { name: 'Redrive nl-1.3' }))
  expect(await screen.findByText('Nothing was put aside.')).toBeInTheDocument()
  expect(server.requests.filter((request) => request.path === '/api/dlq/nl-1.3/redrive')).toHaveLength(1)
})

test('a server that wants its token is given it, once, and then does the work', async () => {
  const { user } = renderApp('/resilience', (server) => {
    server.intercept = ({ path, headers }) => {
      if (path !== '/api/replay/verify') return null
      if (headers.get('Authorization') !== 'Bearer secret') return problem(401, 'UNAUTHORIZED')
      return json(200, { ok: true, orders: 1234, liveHash: 'ab12', replayHash: 'ab12', firstDivergence: null })
    }
  })
  await user.click(await screen.findByRole('button', { name: 'Verify replay' }))
  const dialog = await screen.findByRole('dialog', { name: 'Administrator’s token' })
  await user.type(within(dialog).getByLabelText('Token'), 'secret')
  await user.click(within(dialog).getByRole('button', { name: 'Go on' }))
  expect(await screen.findByText('1,234 orders replay to the same hash.')).toBeInTheDocument()
  expect(adminToken()).toBe('secret')
})

test('a broken invariant is red, with how many and where', async () => {
  renderApp('/resilience', (server) => {
    server.intercept = ({ path }) =>
      path === '/api/invariants'
        ? json(200, { ok: false, checkedAt: '2026-11-22T10:00:00.000Z', checks: [{ id: 'I2', ok: false, count: 3, sample: ['clusius'] }] })
        : null
  })
  await waitFor(() => expect(screen.getByText(/3 broken/)).toHaveTextContent('["clusius"]'))
})
