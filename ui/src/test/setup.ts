// What jsdom lacks and the page uses. Each stand-in does the least that a test can tell apart from nothing.
import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { createElement } from 'react'
import { afterEach, beforeEach, vi } from 'vitest'
import { fakes } from './fakeServer'

// A busy machine must not fail a test: these are deadlines, nobody waits for them when all is well.
configure({ asyncUtilTimeout: 15_000 })

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
for (const [name, size] of Object.entries({ offsetHeight: 600, offsetWidth: 1000, clientHeight: 600, clientWidth: 1000 })) {
  Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => size })
}
HTMLCanvasElement.prototype.getContext = () => null
Blob.prototype.arrayBuffer ??= function (this: Blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result as ArrayBuffer)
    reader.onerror = () => reject(reader.error)
    reader.readAsArrayBuffer(this)
  })
}
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
  history.replaceState(null, '', '/')
})

afterEach(() => {
  cleanup()
  fakes.stopAll()
})
