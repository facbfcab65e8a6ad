import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { App } from '../app/App'
import { Live, newQueryClient } from '../data/live'
import { FakeServer, fakes } from './fakeServer'

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
