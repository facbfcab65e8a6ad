// TB-202: Settings → Users.
import { screen, waitFor, within } from '@testing-library/react'
import { json, problem } from '../../test/fakeServer'
import { renderApp } from '../../test/render'

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0])
const picture = (size = 100, type = 'image/png', head: Uint8Array = PNG) => {
  const bytes = new Uint8Array(size)
  bytes.set(head)
  return new File([bytes], 'portrait.png', { type })
}

async function users() {
  const panel = await screen.findByRole('region', { name: 'Users' })
  await within(panel).findAllByRole('listitem')
  return panel
}
const newUser = () => within(screen.getByRole('region', { name: 'New user' }))

test('it lists everybody with portrait and name, and marks who is active', async () => {
  renderApp('/settings/users')
  const items = within(await users()).getAllByRole('listitem')
  expect(items).toHaveLength(3)
  expect(items[1]).toHaveTextContent('Carolus Clusius')
  expect(items[1]).toHaveTextContent('Active')
  expect(items[1]!.querySelector('img')).toHaveAttribute('src', '/avatars/seed/clusius.png')
  expect(items[0]).not.toHaveTextContent('Active')
  expect(document.body).not.toHaveTextContent('Alex Trader')
})

test('Switch changes who is active', async () => {
  const { user } = renderApp('/settings/users')
  await users()
  await user.click(screen.getByRole('button', { name: 'Switch to Maria van Oosterwijck' }))
  expect(await screen.findByRole('button', { name: /Trading as Maria van Oosterwijck/ })).toBeInTheDocument()
})

test('a new user is added with name and description, and appears in list and dropdown', async () => {
  const { user, server } = renderApp('/settings/users')
  await users()
  await user.type(newUser().getByLabelText('Name'), 'Judith Leyster')
  await user.type(newUser().getByLabelText(/Description/), 'Painter')
  await user.click(newUser().getByRole('button', { name: 'Add user' }))
  expect(await within(await users()).findByText(/Judith Leyster/)).toBeInTheDocument()
  expect(server.personas.at(-1)).toMatchObject({ displayName: 'Judith Leyster', bio: 'Painter' })
  expect(newUser().getByLabelText('Name')).toHaveValue('')
  await user.click(screen.getByRole('button', { name: /Trading as/ }))
  expect(await screen.findByRole('menuitemradio', { name: /Judith Leyster/ })).toBeInTheDocument()
})

test('without a name nothing is sent; a name that is taken is told at the field', async () => {
  const { user, server } = renderApp('/settings/users')
  await users()
  await user.click(newUser().getByRole('button', { name: 'Add user' }))
  expect(await screen.findByText('Give a name.')).toBeInTheDocument()
  expect(server.requests.some((request) => request.method === 'POST')).toBe(false)
  await user.type(newUser().getByLabelText('Name'), 'Clusius')
  await user.click(newUser().getByRole('button', { name: 'Add user' }))
  expect(await screen.findByText(/Somebody with this name is there already/)).toBeInTheDocument()
})

test('a picked picture is shown at once, before anything is saved, and is sent after the user was made', async () => {
  const { user, server } = renderApp('/settings/users')
  await users()
  await user.upload(newUser().getByLabelText('Avatar picture'), picture())
  const preview = await newUser().findByAltText('Preview of portrait.png')
  expect(preview).toHaveAttribute('src', 'blob:preview')
  expect(server.requests.some((request) => request.method === 'PUT')).toBe(false)
  server.intercept = ({ path, method }) =>
    method === 'PUT' && path.endsWith('/avatar')
      ? json(200, { avatarUrl: '/uploads/avatars/x.png', width: 128, height: 128, bytes: 99 })
      : null
  await user.type(newUser().getByLabelText('Name'), 'Judith Leyster')
  await user.click(newUser().getByRole('button', { name: 'Add user' }))
  await waitFor(() => expect(server.requests.find((request) => request.method === 'PUT')?.path).toBe('/api/personas/judith-leyster/avatar'))
  expect(await screen.findByText('Judith Leyster was added.')).toBeInTheDocument()
  expect(newUser().queryByAltText(/Preview/)).not.toBeInTheDocument()
})

test('a server that takes no pictures yet: the user is added, and that is said', async () => {
  const { user } = renderApp('/settings/users')
  await users()
  await user.upload(newUser().getByLabelText('Avatar picture'), picture())
  await user.type(newUser().getByLabelText('Name'), 'Judith Leyster')
  await user.click(newUser().getByRole('button', { name: 'Add user' }))
  expect(
    await screen.findByText(/Judith Leyster was added. The picture was not saved: this server does not take pictures yet/),
  ).toBeInTheDocument()
})

test.each([
  ['a picture over 200 KB', picture(204_801), 'Too large: 201 KB, at most 200 KB.'],
  ['a text that calls itself PNG', picture(100, 'image/png', new TextEncoder().encode('hello')), 'Not a PNG or JPEG picture.'],
])('%s is refused before it is sent', async (_, file, words) => {
  const { user } = renderApp('/settings/users')
  await users()
  await user.upload(newUser().getByLabelText('Avatar picture'), file)
  expect(await screen.findByText(words)).toBeInTheDocument()
  expect(newUser().queryByAltText(/Preview/)).not.toBeInTheDocument()
})

test('editing happens in place', async () => {
  const { user, server } = renderApp('/settings/users')
  const panel = await users()
  await user.click(screen.getByRole('button', { name: 'Edit Carolus Clusius' }))
  const name = within(panel).getByLabelText('Name')
  expect(name).toHaveValue('Carolus Clusius')
  await user.clear(name)
  await user.type(name, 'Charles de l’Écluse')
  await user.click(within(panel).getByRole('button', { name: 'Save' }))
  expect(await within(panel).findByText(/Charles de l’Écluse/)).toBeInTheDocument()
  expect(server.requests.find((request) => request.method === 'PUT')!.body).toMatchObject({ displayName: 'Charles de l’Écluse' })
  expect(screen.getByRole('button', { name: /Trading as Charles/ })).toBeInTheDocument()
})

test('deleting asks first; Keep keeps', async () => {
  const { user, server } = renderApp('/settings/users')
  await users()
  await user.click(screen.getByRole('button', { name: 'Delete Maria van Oosterwijck' }))
  const dialog = await screen.findByRole('dialog', { name: 'Delete Maria van Oosterwijck?' })
  expect(server.requests.some((request) => request.method === 'DELETE')).toBe(false)
  await user.click(within(dialog).getByRole('button', { name: 'Keep' }))
  expect(server.personas).toHaveLength(3)
  await user.click(screen.getByRole('button', { name: 'Delete Maria van Oosterwijck' }))
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }))
  await waitFor(async () => expect(within(await users()).queryByText(/Oosterwijck/)).not.toBeInTheDocument())
  expect(server.personas).toHaveLength(2)
  expect(await screen.findByRole('button', { name: 'Undo' })).toBeInTheDocument()
})

test('the last user stays', async () => {
  const { user } = renderApp('/settings/users', (server) => {
    server.personas = server.personas.slice(1, 2)
  })
  await users()
  await user.click(screen.getByRole('button', { name: 'Delete Carolus Clusius' }))
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }))
  expect(await screen.findByText('The last user cannot be removed.')).toBeInTheDocument()
})

test('a list that cannot be read says so', async () => {
  renderApp('/settings/users', (server) => {
    server.intercept = ({ path }) => (path === '/api/personas' ? problem(503, 'STORE_UNAVAILABLE') : null)
  })
  expect(await screen.findByText('The users cannot be read.')).toBeInTheDocument()
})
