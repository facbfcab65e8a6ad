import { Link, useLocation } from 'react-router'
import { Empty } from '../parts/basics'

/** For an address that no screen has. */
export function Nowhere() {
  const { pathname } = useLocation()
  return (
    <div className="screen">
      <h1 className="title">No such screen</h1>
      <section className="panel">
        <Empty
          icon="warning"
          title="There is nothing at this address."
          action={
            <Link className="button" to="/">
              Overview
            </Link>
          }
        >
          <span className="mono">{pathname}</span>
        </Empty>
      </section>
    </div>
  )
}
