// TB-201: the persona dropdown.
import { screen, waitFor, within } from '@testing-library/react'
import { renderApp } from '../test/render'

async function openMenu(user: ReturnType<typeof renderApp>['user']) {
  await user.click(await screen.findByRole('button', { name: /Trading as/ }))
  return screen.findByRole('menu')
}

test('the trigger shows portrait and name, the list everybody, the current one marked', async () => {
  const { user } = renderApp()
  const trigger = await screen.findByRole('button', { name: 'Trading as Carolus Clusius. Switch persona' })
  expect(trigger).toHaveTextContent('Carolus Clusius')
  expect(trigger.querySelector('img')).toHaveAttribute('src', '/avatars/seed/clusius.png')
  expect(trigger.querySelector('img')).toHaveAttribute('width', '32')
  const menu = await openMenu(user)
  const items = within(menu).getAllByRole('menuitemradio')
  expect(items.map((item) => item.querySelector('.menu-item-name')!.textContent)).toEqual([
    'Antonie van Leeuwenhoek',
    'Carolus Clusius',
    'Maria van Oosterwijck',
  ])
  for (const item of items) expect(item.querySelector('img')).toBeInTheDocument()
  expect(within(menu).getByRole('menuitemradio', { name: /Clusius/ })).toHaveAttribute('aria-checked', 'true')
  expect(within(menu).getByRole('menuitemradio', { name: /Oosterwijck/ })).toHaveAttribute('aria-checked', 'false')
})

test('choosing a name switches portrait, balance and ticket at once, without a reload, and is remembered', async () => {
  const { user, server } = renderApp('/orders', (server) => {
    server.settle(server.addOrder({ userId: 'oosterwijck', quantity: 1, price: '1242.00' }))
  })
  expect(await screen.findByText('as Carolus Clusius')).toBeInTheDocument()
  await waitFor(() => expect(screen.getByRole('button', { name: /Cash Balance/ })).toHaveTextContent('fl 10,000.00'))
  const menu = await openMenu(user)
  await user.click(within(menu).getByRole('menuitemradio', { name: /Oosterwijck/ }))
  const trigger = await screen.findByRole('button', { name: 'Trading as Maria van Oosterwijck. Switch persona' })
  expect(trigger.querySelector('img')).toHaveAttribute('src', '/avatars/seed/oosterwijck.png')
  expect(screen.getByText('as Maria van Oosterwijck')).toBeInTheDocument()
  await waitFor(() => expect(screen.getByRole('button', { name: /Cash Balance/ })).toHaveTextContent('fl 8,758.00'))
  expect(localStorage.getItem('tb.persona')).toBe('oosterwijck')

  await user.type(screen.getByLabelText('Quantity'), '2')
  await user.type(screen.getByLabelText('Price, fl'), '10.00')
  await user.keyboard('{Control>}{Enter}{/Control}')
  await waitFor(() => expect(server.orders[0]).toMatchObject({ userId: 'oosterwijck', clientId: 'oosterwijck' }))
})

test('the choice survives a reload', async () => {
  localStorage.setItem('tb.persona', 'leeuwenhoek')
  renderApp()
  expect(await screen.findByRole('button', { name: /Trading as Antonie van Leeuwenhoek/ })).toBeInTheDocument()
})

test('a persona that is gone is replaced by one that is there', async () => {
  localStorage.setItem('tb.persona', 'nobody')
  renderApp()
  expect(await screen.findByRole('button', { name: /Trading as Antonie van Leeuwenhoek/ })).toBeInTheDocument()
})

test('the list is the server’s: a new persona appears by the feed alone', async () => {
  const { user, server, live } = renderApp()
  await waitFor(() => expect(live.feed.snapshot().phase).toBe('live'))
  server.personas.push({ ...server.personas[0]!, userId: 'rembrandt', displayName: 'Rembrandt van Rijn', avatarUrl: null })
  server.emit('ops', 'PersonaCreated', { userId: 'rembrandt' }, {})
  await waitFor(() => expect(live.personaOf('rembrandt').displayName).toBe('Rembrandt van Rijn'))
  const menu = await openMenu(user)
  expect(within(menu).getByRole('menuitemradio', { name: /Rembrandt/ })).toBeInTheDocument()
})

test('the menu works with the keyboard alone', async () => {
  const { user } = renderApp()
  const trigger = await screen.findByRole('button', { name: /Trading as/ })
  trigger.focus()
  await user.keyboard('{Enter}')
  await screen.findByRole('menu')
  await user.keyboard('Maria{Enter}')
  expect(await screen.findByRole('button', { name: /Trading as Maria/ })).toBeInTheDocument()
})
