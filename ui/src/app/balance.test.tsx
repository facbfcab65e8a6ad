// TB-203: the balance widget and its dialog.
import { screen, waitFor, within } from '@testing-library/react'
import { problem } from '../test/fakeServer'
import { renderApp } from '../test/render'

const widget = () => screen.findByRole('button', { name: /Cash Balance/ })

test('it shows "Cash Balance: fl X,XXX" and a green and red sparkline of the movements', async () => {
  renderApp('/', (server) => {
    server.settle(server.addOrder({ userId: 'clusius', side: 'BUY', quantity: 10, price: '124.20' }))
    server.settle(server.addOrder({ userId: 'clusius', side: 'SELL', quantity: 1, price: '124.20' }))
  })
  const button = await widget()
  expect(button).toHaveTextContent(/^Cash Balance: fl 8,882\.20/)
  const spark = within(button).getByTestId('sparkline')
  expect(spark.querySelectorAll('.spark-up')).toHaveLength(2) // the opening balance and the sale
  expect(spark.querySelectorAll('.spark-down')).toHaveLength(1)
})

test('a click opens the last ten ledger entries, newest first, and Escape closes', async () => {
  const { user } = renderApp('/', (server) => {
    for (let i = 1; i <= 12; i++) server.settle(server.addOrder({ userId: 'clusius', side: 'BUY', quantity: 1, price: `${i}.00` }))
  })
  await user.click(await widget())
  const dialog = await screen.findByRole('dialog', { name: 'Cash of Carolus Clusius' })
  const rows = within(within(dialog).getByRole('table')).getAllByRole('row').slice(1)
  expect(rows).toHaveLength(10)
  expect(rows[0]).toHaveTextContent('Buy 1 at 12.00')
  expect(rows[0]).toHaveTextContent('−12.00')
  expect(rows[0]).toHaveTextContent('9,922.00')
  expect(rows[9]).toHaveTextContent('−3.00')
  await user.click(within(dialog).getByRole('button', { name: 'Close' }))
  expect(screen.queryByRole('dialog')).not.toBeInTheDocument()
})

test('it moves by the feed when an order settles', async () => {
  const { server, live } = renderApp()
  expect(await widget()).toHaveTextContent('fl 10,000.00')
  await waitFor(() => expect(live.feed.snapshot().phase).toBe('live'))
  server.fill(server.receive({ userId: 'clusius', side: 'BUY', quantity: 10, price: '124.20' }))
  await waitFor(async () => expect(await widget()).toHaveTextContent('fl 8,758.00'))
})

test('after placing an order the balance is read again', async () => {
  const { server, user } = renderApp('/orders')
  await widget()
  await user.type(await screen.findByLabelText('Quantity'), '1')
  await user.type(screen.getByLabelText('Price, fl'), '5')
  const reads = () => server.requests.filter((request) => request.path === '/api/balances/clusius').length
  await waitFor(() => expect(reads()).toBeGreaterThan(0))
  const before = reads()
  await user.keyboard('{Control>}{Enter}{/Control}')
  await waitFor(() => expect(reads()).toBeGreaterThan(before))
})

test('when the balance call fails the last value stays, greyed, with its age and a banner; it recovers by itself', async () => {
  const { server, live } = renderApp('/portfolio')
  expect(await widget()).toHaveTextContent('fl 10,000.00')
  server.intercept = ({ path }) => (path.startsWith('/api/balances') ? problem(503, 'STORE_UNAVAILABLE') : null)
  await live.queries.invalidateQueries({ queryKey: ['balance'] })
  expect(await screen.findByText('The balance could not be refreshed.')).toBeInTheDocument()
  const button = await widget()
  expect(button).toHaveTextContent('fl 10,000.00')
  expect(button).toHaveClass('balance-stale')
  expect(button).toHaveTextContent(/as of \d+ s ago/)
  server.intercept = () => null
  await waitFor(() => expect(screen.queryByText('The balance could not be refreshed.')).not.toBeInTheDocument())
  expect(await widget()).not.toHaveClass('balance-stale')
})
