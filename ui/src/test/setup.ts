// What jsdom lacks and the page uses. Each stand-in does the least that a test can tell apart from nothing.
import '@testing-library/jest-dom/vitest'
import { cleanup } from '@testing-library/react'
import { createElement } from 'react'
import { afterEach, beforeEach, vi } from 'vitest'
import { fakes } from './fakeServer'

// Charts are drawn on a canvas, which jsdom has not.
vi.mock('../parts/TimeChart', () => {
  const chart = (props: { label: string }) => createElement('div', { role: 'img', 'aria-label': props.label })
  return { default: chart, CandleChart: chart }
})

HTMLDialogElement.prototype.showModal = function () {
  this.setAttribute('open', '')
}
HTMLDialogElement.prototype.close = function () {
  this.removeAttribute('open')
}
Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { configurable: true, get: () => 600 })
Object.defineProperty(HTMLElement.prototype, 'offsetWidth', { configurable: true, get: () => 1000 })
HTMLElement.prototype.scrollTo = () => {}
HTMLElement.prototype.scrollIntoView = () => {}
HTMLElement.prototype.hasPointerCapture = () => false
HTMLElement.prototype.releasePointerCapture = () => {}
URL.createObjectURL = () => 'blob:preview'
URL.revokeObjectURL = () => {}
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
}
window.matchMedia = (query: string) =>
  ({ matches: false, media: query, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  location.hash = ''
})

afterEach(() => {
  cleanup()
  fakes.stopAll()
})
