// The frame around every screen: navigation on the left (below on a small screen), header, trouble, content.
import { Suspense } from 'react'
import { NavLink, Outlet, useLocation } from 'react-router'
import { useConfig } from '../data/queries'
import { Skeleton } from '../parts/basics'
import { Icon, TulipMark, type IconName } from '../parts/Icon'
import { BalanceWidget } from './BalanceWidget'
import { CueBanners, CuePills } from './Cues'
import { ErrorBoundary } from './ErrorBoundary'
import { FeedPill } from './FeedPill'
import { PersonaMenu } from './PersonaMenu'
import { UnclearBanner } from './UnclearBanner'

const screens: { to: string; name: string; icon: IconName }[] = [
  { to: '/', name: 'Overview', icon: 'overview' },
  { to: '/orders', name: 'Orders', icon: 'orders' },
  { to: '/market', name: 'Market', icon: 'market' },
  { to: '/portfolio', name: 'Portfolio', icon: 'portfolio' },
  { to: '/resilience', name: 'Resilience', icon: 'resilience' },
  { to: '/settings', name: 'Settings', icon: 'settings' },
]

function Navigation() {
  const { pathname } = useLocation()
  const config = useConfig()
  return (
    <nav className="nav" aria-label="Main">
      <NavLink to="/" className="brand">
        <TulipMark size={26} />
        <span>TulipBroker</span>
      </NavLink>
      <ul className="nav-list">
        {screens.map((screen) => (
          <li key={screen.to}>
            <NavLink to={screen.to} end={screen.to === '/'} className="nav-link">
              <Icon name={screen.icon} />
              <span>{screen.name}</span>
            </NavLink>
            {screen.to === '/settings' ? (
              <ul className="nav-sub" data-open={pathname.startsWith('/settings') || undefined}>
                <li>
                  <NavLink to="/settings/users" className="nav-link nav-link-sub">
                    Users
                  </NavLink>
                </li>
                <li>
                  <NavLink to="/settings/appearance" className="nav-link nav-link-sub">
                    Appearance
                  </NavLink>
                </li>
              </ul>
            ) : null}
          </li>
        ))}
      </ul>
      <p className="nav-foot">
        {config.data ? (
          <>
            {config.data.mode === 'SIMFILL' ? 'Simulated fills' : 'Matcher'}
            <br />
            {config.data.version} · {config.data.env}
          </>
        ) : null}
      </p>
    </nav>
  )
}

export function Shell() {
  const { pathname } = useLocation()
  return (
    <div className="shell">
      <a className="skip" href="#content" onClick={skip}>
        Skip to content
      </a>
      <Navigation />
      <div className="page">
        <header className="header">
          <div className="header-left">
            <FeedPill />
            <CuePills />
          </div>
          <div className="header-right">
            <BalanceWidget />
            <PersonaMenu />
          </div>
        </header>
        <main id="content" className="content" tabIndex={-1}>
          <CueBanners />
          <UnclearBanner />
          <ErrorBoundary key={pathname}>
            <Suspense fallback={<ScreenSkeleton />}>
              <Outlet />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
    </div>
  )
}

/** The link moves the focus, not the address. */
function skip(event: React.MouseEvent) {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function ScreenSkeleton() {
  return (
    <div className="panel panel-pad" aria-busy="true">
      <Skeleton lines={6} />
    </div>
  )
}
