import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { App } from '../app/App'
import { Live, newQueryClient } from '../data/live'
import { FakeServer, fakes } from './fakeServer'

// The screens a person would wait for are here before the first test waits: on a busy machine reading them takes longer than any deadline.
await Promise.all([
  import('../screens/orders/Orders'),
  import('../screens/market/Market'),
  import('../screens/portfolio/Portfolio'),
  import('../screens/resilience/Resilience'),
  import('../screens/settings/Settings'),
  import('../screens/settings/Users'),
  import('../screens/settings/Appearance'),
])

/** The whole page on a server in memory, at a screen's address. */
export function renderApp(route = '/', prepare?: (server: FakeServer) => void) {
  const server = new FakeServer().install()
  prepare?.(server)
  history.replaceState(null, '', route)
  const queries = newQueryClient()
  const live = new Live(queries)
  fakes.running.add(() => {
    live.feed.stop()
    queries.clear()
    server.wake()
  })
  const view = render(<App live={live} />)
  return { server, live, user: userEvent.setup(), ...view }
}
