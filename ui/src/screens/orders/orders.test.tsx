import { screen, waitFor, within } from '@testing-library/react'
import { problem } from '../../test/fakeServer'
import { renderApp } from '../../test/render'

async function rows() {
  const table = await screen.findByRole('table', { name: 'Orders' })
  return within(table).getAllByRole('row').slice(1)
}

test('each row shows portrait and name of who submitted it', async () => {
  renderApp('/orders', (server) => {
    server.addOrder({ userId: 'clusius' })
    server.addOrder({ userId: 'oosterwijck', side: 'SELL', quantity: 3, price: '99.50' })
  })
  const [first, second] = await rows()
  expect(first).toHaveTextContent('Submitted by Maria van Oosterwijck')
  expect(first!.querySelector('img')).toHaveAttribute('src', '/avatars/seed/oosterwijck.png')
  expect(first).toHaveTextContent('Sell')
  expect(first).toHaveTextContent('99.50')
  expect(second).toHaveTextContent('Submitted by Carolus Clusius')
  expect(second).toHaveTextContent('Awaiting simulated fill')
})

test('old orders pick up a persona’s present name', async () => {
  const { server, live } = renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius' }))
  await rows()
  await waitFor(() => expect(live.feed.snapshot().phase).toBe('live'))
  server.personas.find((one) => one.userId === 'clusius')!.displayName = 'Charles de l’Écluse'
  server.emit('ops', 'PersonaUpdated', { userId: 'clusius' }, {})
  await waitFor(async () => expect((await rows())[0]).toHaveTextContent('Submitted by Charles de l’Écluse'))
})

test('an order of a removed persona keeps its name', async () => {
  renderApp('/orders', (server) => {
    const order = server.addOrder({ userId: 'clusius' })
    server.personas = server.personas.filter((one) => one.userId !== 'clusius')
    order.persona = { ...order.persona, displayName: 'Carolus Clusius', deleted: true }
  })
  expect((await rows())[0]).toHaveTextContent('Submitted by Carolus Clusiusremoved')
})

test('orders of others appear and change by the feed alone', async () => {
  const { server, live } = renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius' }))
  expect(await rows()).toHaveLength(1)
  await waitFor(() => expect(live.feed.snapshot().phase).toBe('live'))
  const order = server.receive({ userId: 'leeuwenhoek', quantity: 7 })
  await waitFor(async () => expect(await rows()).toHaveLength(2))
  expect((await rows())[0]).toHaveTextContent('Submitted by Antonie van Leeuwenhoek')
  expect((await rows())[0]).toHaveTextContent('Awaiting simulated fill')
  server.fill(order)
  await waitFor(async () => expect((await rows())[0]).toHaveTextContent('Accepted'))
})

test('cancel turns a pending order into a cancelled one; a final order has no button', async () => {
  const { user } = renderApp('/orders', (server) => {
    server.fill(server.addOrder({ userId: 'clusius' }))
    server.addOrder({ userId: 'clusius' })
  })
  await rows()
  const buttons = screen.getAllByRole('button', { name: /Cancel order/ })
  expect(buttons).toHaveLength(1)
  await user.click(buttons[0]!)
  await waitFor(async () => expect((await rows())[0]).toHaveTextContent('Cancelled'))
})

test('a cancel that came too late is told', async () => {
  const { user, server } = renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius' }))
  await rows()
  server.intercept = ({ path }) =>
    path.endsWith('/cancel') ? problem(409, 'ORDER_TERMINAL', { detail: 'The order is in a final state' }) : null
  await user.click(screen.getByRole('button', { name: /Cancel order/ }))
  expect(await screen.findByText(/was not cancelled: The order is in a final state/)).toBeInTheDocument()
})

test('filters ask the server and stay in the address', async () => {
  const { user, server } = renderApp('/orders', (server) => {
    server.addOrder({ userId: 'clusius' })
    server.addOrder({ userId: 'oosterwijck', side: 'SELL' })
  })
  expect(await rows()).toHaveLength(2)
  await user.selectOptions(screen.getByLabelText('Persona'), 'clusius')
  await waitFor(async () => expect(await rows()).toHaveLength(1))
  expect(location.search).toContain('userId=clusius')
  await user.selectOptions(screen.getByLabelText('Status'), 'CANCELLED')
  expect(await screen.findByText('No order fits the filters.')).toBeInTheDocument()
  expect(server.requests.some((request) => request.path === '/api/orders')).toBe(true)
})

test('of ten thousand orders only those in sight are in the document', async () => {
  renderApp('/orders', (server) => {
    for (let i = 0; i < 10_000; i++) server.addOrder({ userId: 'clusius' })
  })
  await waitFor(() => expect(screen.getByText(/10,000 shown/)).toBeInTheDocument())
  expect((await rows()).length).toBeLessThan(60)
})

test('a click on a row tells the whole story of the order', async () => {
  const { user, server } = renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius', idempotencyKey: 'the-key' }))
  server.intercept = ({ path }) =>
    path === '/api/orders/nl-1.1'
      ? new Response(
          JSON.stringify({
            ...server.orders[0],
            trades: [],
            events: [
              {
                stream: 'orders',
                seq: 1,
                prevSeq: 0,
                eventId: 'e',
                type: 'OrderReceived',
                region: 'nl-1',
                ts: server.orders[0]!.createdAt,
                orderId: 'nl-1.1',
                userId: 'clusius',
                traceId: null,
                payload: {},
              },
            ],
          }),
          { headers: { 'Content-Type': 'application/json' } },
        )
      : null
  await user.click(await screen.findByRole('button', { name: /Order nl-1.1.*details/ }))
  const dialog = await screen.findByRole('dialog', { name: 'Order nl-1.1' })
  expect(await within(dialog).findByText(/Received and durable/)).toBeInTheDocument()
  expect(dialog).toHaveTextContent('the-key')
})

test('a list that cannot be read says why and can be asked again', async () => {
  const { user, server } = renderApp('/orders', (server) => {
    server.addOrder({ userId: 'clusius' })
    server.intercept = ({ path }) =>
      path === '/api/orders' ? problem(503, 'STORE_UNAVAILABLE', { detail: 'The store cannot be reached' }) : null
  })
  expect(await screen.findByText('The orders cannot be read.')).toBeInTheDocument()
  expect(screen.getByText('The store cannot be reached')).toBeInTheDocument()
  server.intercept = () => null
  await user.click(screen.getByRole('button', { name: /Try again/ }))
  expect(await rows()).toHaveLength(1)
})

test('Tab comes to one row of the table; arrow keys go on from there, and Enter opens it', async () => {
  const { user } = renderApp('/orders', (server) => {
    for (let i = 1; i <= 6; i++) server.addOrder({ userId: 'clusius', quantity: i })
  })
  const links = () => screen.getAllByRole('button', { name: /: details$/ })
  await rows()
  expect(links().filter((link) => link.tabIndex === 0)).toEqual([links()[0]])
  links()[0]!.focus()
  await user.keyboard('{ArrowDown}{ArrowDown}{ArrowUp}{ArrowDown}')
  await waitFor(() => expect(document.activeElement).toBe(links()[2]))
  expect(links().filter((link) => link.tabIndex === 0)).toEqual([links()[2]])
  await user.tab()
  expect(document.activeElement).toHaveAccessibleName(/^Cancel order/)
  links()[2]!.focus()
  await user.keyboard('{Enter}')
  expect(await screen.findByRole('dialog')).toBeInTheDocument()
})
