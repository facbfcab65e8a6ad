import { screen, waitFor, within } from '@testing-library/react'
import axe from 'axe-core'
import { renderApp } from '../test/render'

const screens = [
  ['/', 'Overview'],
  ['/orders', 'Orders'],
  ['/market', 'Market'],
  ['/portfolio', 'Portfolio'],
  ['/resilience', 'Resilience'],
  ['/settings/users', 'Settings'],
  ['/settings/appearance', 'Settings'],
] as const

test.each(screens)('%s shows itself, without "Alex Trader", and axe finds nothing serious', async (route, heading) => {
  const { container, live } = renderApp(route, (server) => {
    server.fill(server.addOrder({ userId: 'clusius' }))
    server.addOrder({ userId: 'oosterwijck' })
  })
  expect(await screen.findByRole('heading', { level: 1, name: new RegExp(heading) })).toBeInTheDocument()
  await waitFor(() => expect(live.feed.snapshot().phase).toBe('live'))
  await waitFor(() => expect(container.querySelector('[aria-busy="true"]')).toBeNull())
  expect(document.body).not.toHaveTextContent(/Alex Trader/i)
  // Colours need a real browser: e2e looks at those.
  const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false } } })
  expect(
    violations.filter((one) => one.impact === 'serious' || one.impact === 'critical').map((one) => `${one.id} ${one.nodes[0]?.html}`),
  ).toEqual([])
})

test('navigation has the six screens, and Users and Appearance under Settings', async () => {
  const { user } = renderApp()
  const names = (await screen.findByRole('navigation', { name: 'Main' })).textContent
  for (const name of ['Overview', 'Orders', 'Market', 'Portfolio', 'Resilience', 'Settings', 'Users', 'Appearance'])
    expect(names).toContain(name)
  await user.click(screen.getByRole('link', { name: 'Users' }))
  expect(await screen.findByRole('heading', { level: 2, name: 'New user' })).toBeInTheDocument()
})

test('an unknown address is called so, and leads to the overview', async () => {
  const { user } = renderApp('/nowhere/at/all')
  expect(await screen.findByRole('heading', { level: 1, name: 'No such screen' })).toBeInTheDocument()
  expect(screen.getByText('/nowhere/at/all')).toBeInTheDocument()
  await user.click(within(screen.getByRole('main')).getByRole('link', { name: 'Overview' }))
  expect(await screen.findByRole('heading', { level: 1, name: 'Overview' })).toBeInTheDocument()
})

test('parts the server lacks are called so, or worked out from what it has', async () => {
  renderApp('/resilience')
  expect(await screen.findByText('Logs: not available on this server yet.')).toBeInTheDocument()
})

test('the theme is chosen in Settings and kept', async () => {
  const { user } = renderApp('/settings/appearance')
  await user.click(await screen.findByLabelText('Dark'))
  expect(document.documentElement.dataset.theme).toBe('dark')
  expect(JSON.parse(localStorage.getItem('tb.preferences')!)).toMatchObject({ theme: 'dark' })
  await user.click(screen.getByLabelText('Light'))
  expect(document.documentElement.dataset.theme).toBe('light')
})
