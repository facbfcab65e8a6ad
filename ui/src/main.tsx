import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { adoptOwn } from './data/attempts'
import { applyTheme, followSystemTheme } from './data/preferences'
import { reloadWhenReplaced } from './data/reload'
import './styles/index.css'

applyTheme()
followSystemTheme()
adoptOwn()
reloadWhenReplaced()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
