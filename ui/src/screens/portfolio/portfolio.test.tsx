import { screen, waitFor, within } from '@testing-library/react'
import { json, problem } from '../../test/fakeServer'
import { renderApp } from '../../test/render'

test('total value is holdings and cash, with the bar of cash and positions', async () => {
  renderApp('/portfolio', (server) => {
    server.intercept = ({ path }) =>
      path === '/api/portfolio/clusius'
        ? json(200, {
            userId: 'clusius',
            cashBalance: '8758.00',
            holdingsValue: '1250.00',
            totalValue: '10008.00',
            currency: 'fl',
            positions: [
              { market: 'TULIP', quantity: 10, avgPrice: '124.20', lastPrice: '125.00', marketValue: '1250.00', unrealizedPnl: '8.00' },
            ],
            allocation: { cashPct: '87.51', positionsPct: '12.49' },
          })
        : null
  })
  expect(await screen.findByText('10,008.00', { exact: false })).toBeInTheDocument()
  const bar = screen.getByTestId('allocation')
  expect(bar).toHaveAccessibleName('Cash 87.51 percent, positions 12.49 percent')
  expect(screen.getByText('87.51 %')).toBeInTheDocument()
  expect(screen.getByText('12.49 %')).toBeInTheDocument()
  const row = within(screen.getByRole('region', { name: 'Positions' })).getAllByRole('row')[1]
  expect(row).toHaveTextContent('TULIP10124.20125.001,250.00+8.00')
})

test('a server without portfolios: worked out from its trades, and said so', async () => {
  renderApp('/portfolio', (server) => {
    server.fill(server.addOrder({ userId: 'clusius', quantity: 10, price: '124.20' }))
    server.fill(server.addOrder({ userId: 'oosterwijck', quantity: 1, price: '130.00' }))
  })
  expect(await screen.findByText('worked out here from 1 trades')).toBeInTheDocument()
  // 8,758.00 cash, 10 at the last price of 130.00
  expect(screen.getByText('10,058.00', { exact: false })).toBeInTheDocument()
  expect(screen.getByTestId('allocation')).toHaveAccessibleName('Cash 87.07 percent, positions 12.93 percent')
})

test('when the balance call fails there is a warning banner, and the last value stays', async () => {
  const { server, live } = renderApp('/portfolio')
  expect((await screen.findAllByText('10,000.00', { exact: false })).length).toBeGreaterThan(0)
  server.intercept = ({ path }) => (path.startsWith('/api/balances') ? problem(503, 'STORE_UNAVAILABLE') : null)
  await live.queries.invalidateQueries({ queryKey: ['balance'] })
  await waitFor(() => expect(document.querySelector('.banner-warning')).toHaveTextContent('The balance could not be refreshed.'))
  const panel = screen.getByRole('region', { name: 'Portfolio overview' })
  expect(panel).toHaveClass('greyed')
  expect(panel).toHaveTextContent('fl 10,000.00')
  expect(panel).toHaveTextContent(/as of \d+ s ago/)
})
