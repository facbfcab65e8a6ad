// The six cues, each as /api/status gives it: it appears, it is said in words, and it goes by itself.
import { screen, waitFor, within } from '@testing-library/react'
import type { CueId } from '../data/types'
import { renderApp } from '../test/render'

async function live(view: ReturnType<typeof renderApp>) {
  await waitFor(() => expect(view.live.feed.snapshot().phase).toBe('live'))
  return view
}

test('az-blip: a small pill names what restarts, the rows stand still, and it clears', async () => {
  const { server } = await live(renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius' })))
  const table = (await screen.findByRole('table', { name: 'Orders' })).parentElement!
  expect(table).not.toHaveClass('frozen')
  server.cue('az-blip', { missing: ['balance'], databaseUp: true })
  expect(await screen.findByText(/Blip · balance restarting/)).toHaveTextContent(/Blip · balance restarting · \d+ s/)
  expect(table).toHaveClass('frozen')
  expect(table).toHaveTextContent('standing still while a part restarts')
  server.receive({ userId: 'oosterwijck' })
  await waitFor(() => expect(table).toHaveTextContent('standing still while a part restarts, 1 newer wait'))
  expect(within(table).queryByText(/Oosterwijck/)).not.toBeInTheDocument()
  server.quiet('az-blip')
  await waitFor(() => expect(screen.queryByText(/Blip ·/)).not.toBeInTheDocument())
  expect(table).not.toHaveClass('frozen')
  expect(within(table).getByText(/Oosterwijck/)).toBeInTheDocument()
})

test('region-outage: open orders say "Queued → retrying", and a banner what is away', async () => {
  const { server } = await live(
    renderApp('/orders', (server) => {
      server.addOrder({ userId: 'clusius' })
      server.addOrder({ userId: 'oosterwijck', status: 'ACCEPTED', statusLabel: 'Accepted', filledQuantity: 10 })
    }),
  )
  expect(await screen.findByText('Awaiting simulated fill')).toBeInTheDocument()
  server.cue('region-outage', { missing: ['sequencer'], databaseUp: false })
  expect(await screen.findByText('Queued → retrying')).toBeInTheDocument()
  expect(within(screen.getByRole('table', { name: 'Orders' })).getByText('Accepted')).toBeInTheDocument()
  const banner = screen.getByRole('alert')
  expect(banner).toHaveTextContent('Region outage. region-outage happened Away: sequencer. The database does not answer.')
  server.quiet('region-outage')
  expect(await screen.findByText('Awaiting simulated fill')).toBeInTheDocument()
})

test('region-outage: the book is dimmed and tells its age', async () => {
  const { server } = await live(renderApp('/market'))
  const book = await screen.findByRole('region', { name: 'Order book' })
  expect(await within(book).findByText('The book is empty, and that is right.')).toBeInTheDocument()
  server.cue('region-outage')
  await waitFor(() => expect(book).toHaveClass('dimmed'))
  expect(book).toHaveTextContent(/Data of .* ago/)
})

test('partition-reconcile: a banner leads to the panel with both sides; marked trades are orange, with the word', async () => {
  const { server, user } = await live(
    renderApp('/', (server) => {
      server.regions = [
        { region: 'nl-1', state: 'UP', azs: ['az-1'], lastSeq: 40, replicationLagSeq: 3 },
        { region: 'us-2', state: 'DEGRADED', azs: ['az-1'], lastSeq: 38, replicationLagSeq: 5 },
      ]
      server.fill(server.addOrder({ userId: 'clusius' }))
      server.fill(server.addOrder({ userId: 'clusius' }))
      server.trades[0]!.flags = ['DIVERGENT']
    }),
  )
  server.cue('partition-reconcile', { divergentTrades: 1 })
  await user.click(await screen.findByRole('link', { name: 'Reconcile panel' }))
  const panel = await screen.findByRole('region', { name: 'Reconciliation' })
  expect(panel).toHaveTextContent('nl-1')
  expect(panel).toHaveTextContent('us-2')
  expect(panel).toHaveTextContent('Divergent trades1')
  const row = within(panel).getByText('Divergent').closest('tr')
  expect(row).toHaveClass('divergent')
  server.emit('ops', 'TradeCompensated', {}, { tradeId: server.trades[1]!.tradeId })
  expect(await within(panel).findByText('Compensated')).toBeInTheDocument()
})

test('backpressure: a banner with the backlog, and the estimate once it drains', async () => {
  const { server } = await live(renderApp('/orders', (server) => void server.addOrder({ userId: 'clusius' })))
  server.cue('backpressure', { backlog: 12000, queueDepth: 10, refusedRecently: 0 })
  expect(await screen.findByText(/12,000 waiting, not draining yet/)).toBeInTheDocument()
  server.cue('backpressure', { backlog: 6000, queueDepth: 10, refusedRecently: 0 })
  expect(await screen.findByText(/6,000 waiting, about .* to drain/)).toBeInTheDocument()
  expect(screen.getByText('Awaiting simulated fill')).toBeInTheDocument()
})

test('time-to-accept: the latency pill is amber with the figure, a possible duplicate is marked on its row', async () => {
  const { server } = await live(
    renderApp('/orders', (server) => {
      server.addOrder({ userId: 'clusius' })
      server.addOrder({ userId: 'clusius', possibleDuplicateOf: 'nl-1.1' })
    }),
  )
  server.cue('time-to-accept', { p99Ms: 1234.5, limitMs: 250 })
  const pill = (await screen.findByText('Accept p99 1.2 s')).closest('[data-cue]')
  expect(pill).toHaveClass('cue-pill')
  expect(screen.getByText('Duplicate of nl-1.1?')).toBeInTheDocument()
})

test('balance-unavailable: a warning banner, and the balance greyed with its last value', async () => {
  const { server } = await live(renderApp('/portfolio'))
  await screen.findByRole('button', { name: /Cash Balance/ })
  server.cue('balance-unavailable')
  expect(await screen.findByText('Balance unavailable.')).toBeInTheDocument()
  const balance = screen.getByRole('button', { name: /Cash Balance/ })
  expect(balance).toHaveClass('balance-stale')
  expect(balance).toHaveTextContent('fl 10,000.00')
})

test.each<CueId>(['az-blip', 'region-outage', 'partition-reconcile', 'backpressure', 'time-to-accept', 'balance-unavailable'])(
  'the Resilience screen lists %s as active, with its message',
  async (id) => {
    const { server } = await live(renderApp('/resilience'))
    const cues = await screen.findByRole('region', { name: 'Cues' })
    await waitFor(() => expect(within(cues).getAllByText('Quiet')).toHaveLength(6))
    server.cue(id)
    expect(await within(cues).findByText(`${id} happened`)).toBeInTheDocument()
    expect(within(cues).getAllByText('Quiet')).toHaveLength(5)
  },
)

test('without any cue there is no banner', async () => {
  await live(renderApp('/'))
  await screen.findByText('nothing was put aside')
  expect(document.querySelector('.banner')).toBeNull()
})

test('a server that cannot be heard is never green, and what was shown is called old', async () => {
  const view = await live(renderApp('/'))
  const pill = () => document.querySelector('[aria-label^="Region"]')!
  await waitFor(() => expect(pill()).toHaveClass('feed-live'))
  view.server.dead = true
  view.server.wake()
  await waitFor(() => expect(pill()).not.toHaveClass('feed-live'))
  expect(await screen.findByText('The system’s state is unknown right now.')).toBeInTheDocument()
  expect(screen.getAllByText(/as of \d+ s ago/).length).toBeGreaterThan(0)
})
