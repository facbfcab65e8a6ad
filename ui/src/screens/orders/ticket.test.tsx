import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { problem, type FakeServer } from '../../test/fakeServer'
import { renderApp } from '../../test/render'

const posts = (server: FakeServer) => server.requests.filter((request) => request.method === 'POST' && request.path === '/api/orders')
const quantity = () => screen.getByLabelText('Quantity')
const price = () => screen.getByLabelText('Price, fl')

async function ready(prepare?: (server: FakeServer) => void) {
  const view = renderApp('/orders', prepare)
  await screen.findByText('as Carolus Clusius')
  await waitFor(() => expect(screen.getByRole('button', { name: /Cash Balance/ })).toBeInTheDocument())
  return view
}

test('notional and balance after are exact', async () => {
  const { user } = await ready()
  await user.type(quantity(), '3')
  await user.type(price(), '0.07')
  const ticket = screen.getByRole('region', { name: 'Order ticket' })
  expect(ticket).toHaveTextContent('Notionalfl 0.21')
  expect(ticket).toHaveTextContent(/Balance after fl 9,999\.79/)
  await user.click(screen.getByLabelText(/Sell/))
  expect(ticket).toHaveTextContent(/Balance after fl 10,000\.21/)
})

test('an order with the keyboard alone: B, quantity, price, Ctrl + Enter', async () => {
  const { user, server } = await ready()
  await user.keyboard('s')
  expect(screen.getByRole('button', { name: 'Sell' })).toBeInTheDocument()
  await user.keyboard('b')
  expect(quantity()).toHaveFocus()
  await user.keyboard('10{Tab}')
  expect(price()).toHaveFocus()
  await user.keyboard('124.20{Control>}{Enter}{/Control}')
  await waitFor(() => expect(server.orders).toHaveLength(1))
  expect(posts(server)[0]!.body).toMatchObject({ userId: 'clusius', side: 'BUY', quantity: 10, price: '124.20' })
  expect(await screen.findByText('nl-1.1', { selector: '.placed *' })).toBeInTheDocument()
})

test('letters belong to whoever is typed into, and single keys can be switched off', async () => {
  localStorage.setItem('tb.preferences', '{}')
  const { user } = await ready()
  await user.click(quantity())
  await user.keyboard('s')
  expect(quantity()).toHaveValue('')
  expect(screen.getByRole('button', { name: 'Sell' })).toBeInTheDocument()
})

test('a plain Enter submits what was typed once, however often it is pressed or held', async () => {
  const { user, server } = await ready()
  await user.type(quantity(), '1')
  await user.type(price(), '5{Enter}')
  await waitFor(() => expect(server.orders).toHaveLength(1))
  await user.keyboard('{Enter}{Enter}')
  fireEvent.keyDown(price(), { key: 'Enter', repeat: true })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(posts(server)).toHaveLength(1)
  // Typing again arms it again.
  await user.type(price(), '0{Enter}')
  await waitFor(() => expect(posts(server)).toHaveLength(2))
  expect(posts(server)[1]!.headers.get('Idempotency-Key')).not.toBe(posts(server)[0]!.headers.get('Idempotency-Key'))
})

test('Enter on the focused button does not make a row of orders either, nor does a double click', async () => {
  const { user, server } = await ready()
  await user.type(quantity(), '1')
  await user.type(price(), '5')
  const button = screen.getByRole('button', { name: 'Buy 1 at 5.00' })
  await user.dblClick(button)
  await waitFor(() => expect(server.orders).toHaveLength(1))
  button.focus()
  await user.keyboard('{Enter}{Enter}')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(posts(server)).toHaveLength(1)
})

test('while an order is on its way a second submit does nothing', async () => {
  const { user, server } = await ready()
  let release = () => {}
  server.intercept = ({ method }) =>
    method === 'POST' ? new Promise((resolve) => (release = () => resolve(problem(409, 'CONFLICT')))) : null
  await user.type(quantity(), '1')
  await user.type(price(), '5{Control>}{Enter}{Enter}{/Control}')
  expect(await screen.findByRole('button', { name: 'Sending…' })).toBeDisabled()
  release()
  await screen.findByText('CONFLICT in a test')
  expect(posts(server)).toHaveLength(1)
})

test('what cannot be sent is said at the field, and nothing is sent', async () => {
  const { user, server } = await ready()
  await user.type(price(), '1.234{Control>}{Enter}{/Control}')
  expect(screen.getByText('Enter a quantity.')).toBeInTheDocument()
  expect(screen.getByText('At most two decimals.')).toBeInTheDocument()
  expect(quantity()).toHaveFocus()
  expect(quantity()).toHaveAttribute('aria-invalid', 'true')
  expect(posts(server)).toHaveLength(0)
})

test('what the server refuses is said at the field', async () => {
  const { user, server } = await ready()
  server.intercept = ({ method }) =>
    method === 'POST'
      ? problem(400, 'VALIDATION', { errors: [{ field: 'price', code: 'OUT_OF_RANGE', message: 'is more than tulips are worth' }] })
      : null
  await user.type(quantity(), '1')
  await user.type(price(), '5{Enter}')
  expect(await screen.findByText('is more than tulips are worth')).toBeInTheDocument()
  expect(screen.queryByText(/Retry safely/)).not.toBeInTheDocument()
})

test('after an unclear failure "Retry safely" sends the same key, and there is one order', async () => {
  const { user, server } = await ready()
  let lost = 0
  // The order arrives, its answer does not: the worst case.
  server.intercept = ({ method, path, body, headers }) => {
    if (method !== 'POST' || path !== '/api/orders' || lost > 0)
      return path.startsWith('/api/orders/by-key') && lost < 2 ? problem(503, 'STORE_UNAVAILABLE') : null
    lost++
    server.receive({ ...(body as { userId: string }), idempotencyKey: headers.get('Idempotency-Key')! })
    throw new TypeError('Failed to fetch')
  }
  await user.type(quantity(), '10')
  await user.type(price(), '124.20{Enter}')
  const banner = await screen.findByRole('alert')
  expect(banner).toHaveTextContent('Unclear: Buy 10 at 124.20 as Carolus Clusius.')
  await user.click(within(banner).getByRole('button', { name: 'Retry safely' }))
  await waitFor(() => expect(screen.queryByRole('alert')).not.toBeInTheDocument())
  expect(await screen.findByText(/It had arrived the first time: order nl-1.1/)).toBeInTheDocument()
  const keys = posts(server).map((request) => request.headers.get('Idempotency-Key'))
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(keys[1])
  expect(server.orders).toHaveLength(1)
})

test('an unclear order survives a reload: the page looks it up, and finds it when it had arrived', async () => {
  const attempt = {
    idempotencyKey: 'web-clusius-1',
    clientId: 'clusius',
    userId: 'clusius',
    displayName: 'Carolus Clusius',
    side: 'BUY',
    quantity: 10,
    price: '124.20',
    timeInForce: 'GTC',
    startedAt: Date.now(),
    tab: 'before',
    state: 'unclear',
  }
  localStorage.setItem('tb.attempts', JSON.stringify([attempt]))
  await ready((server) => void server.addOrder({ userId: 'clusius', idempotencyKey: 'web-clusius-1' }))
  expect(await screen.findByText('It had arrived: order nl-1.1.')).toBeInTheDocument()
  expect(screen.queryByRole('alert')).not.toBeInTheDocument()
})

test('one that had not arrived stays until it is retried or given up, on every screen and as whom it was sent', async () => {
  const attempt = {
    idempotencyKey: 'web-oosterwijck-2',
    clientId: 'oosterwijck',
    userId: 'oosterwijck',
    displayName: 'Maria van Oosterwijck',
    side: 'SELL',
    quantity: 2,
    price: '5.00',
    timeInForce: 'GTC',
    startedAt: Date.now(),
    tab: 'before',
    state: 'unclear',
  }
  localStorage.setItem('tb.attempts', JSON.stringify([attempt]))
  const { user, server } = renderApp('/market')
  const banner = await screen.findByRole('alert')
  expect(await within(banner).findByText(/So far it is not on the server/)).toBeInTheDocument()
  await user.click(within(banner).getByRole('button', { name: 'Retry safely' }))
  await waitFor(() => expect(server.orders[0]).toMatchObject({ userId: 'oosterwijck', idempotencyKey: 'web-oosterwijck-2' }))
  await waitFor(() => expect(screen.queryByRole('alert')).not.toBeInTheDocument())
})

test('going below zero is allowed and said', async () => {
  const { user } = await ready()
  await user.type(quantity(), '1000')
  await user.type(price(), '124.20')
  expect(screen.getByText(/would take the balance below zero/)).toBeInTheDocument()
})

test('arrows step the numbers', async () => {
  const { user } = await ready()
  await user.type(quantity(), '9{ArrowUp}')
  expect(quantity()).toHaveValue('10')
  await user.type(price(), '124.20{ArrowDown}')
  expect(price()).toHaveValue('124.10')
})
