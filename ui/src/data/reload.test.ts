import { reloadWhenReplaced } from './reload'

test('a part that is gone reloads the page, once: what does not help is not tried for ever', () => {
  let reloads = 0
  reloadWhenReplaced(() => reloads++)
  const lost = () => window.dispatchEvent(new Event('vite:preloadError', { cancelable: true }))
  expect(lost()).toBe(false) // prevented: the page reloads
  expect(lost()).toBe(true) // the error goes on to who asked
  expect(reloads).toBe(1)
})
