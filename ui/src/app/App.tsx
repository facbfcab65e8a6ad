import { lazy } from 'react'
import { BrowserRouter, Navigate, Route, Routes } from 'react-router'
import { LiveProvider, type Live } from '../data/live'
import { PersonaProvider } from '../data/persona'
import { ToastProvider } from '../parts/toasts'
import { Overview } from '../screens/overview/Overview'
import { Nowhere } from './Nowhere'
import { Shell } from './Shell'

// The start screen comes with the page, the others when they are asked for.
const Orders = lazy(() => import('../screens/orders/Orders'))
const Market = lazy(() => import('../screens/market/Market'))
const Portfolio = lazy(() => import('../screens/portfolio/Portfolio'))
const Resilience = lazy(() => import('../screens/resilience/Resilience'))
const Settings = lazy(() => import('../screens/settings/Settings'))
const Users = lazy(() => import('../screens/settings/Users'))
const Appearance = lazy(() => import('../screens/settings/Appearance'))

/** Every screen has an address of its own (/orders): the server gives this page for each, so all can be reloaded and shared. */
export function App({ live }: { live?: Live }) {
  return (
    <LiveProvider live={live}>
      <ToastProvider>
        <PersonaProvider>
          <BrowserRouter>
            <Routes>
              <Route element={<Shell />}>
                <Route index element={<Overview />} />
                <Route path="orders" element={<Orders />} />
                <Route path="market" element={<Market />} />
                <Route path="portfolio" element={<Portfolio />} />
                <Route path="resilience" element={<Resilience />} />
                <Route path="settings" element={<Settings />}>
                  <Route index element={<Navigate to="users" replace />} />
                  <Route path="users" element={<Users />} />
                  <Route path="appearance" element={<Appearance />} />
                </Route>
                <Route path="*" element={<Nowhere />} />
              </Route>
            </Routes>
          </BrowserRouter>
        </PersonaProvider>
      </ToastProvider>
    </LiveProvider>
  )
}
