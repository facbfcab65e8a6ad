// After an update of the server the parts of the old page are gone: a screen that was not loaded yet cannot be loaded any more. The page is
// read anew then, once; orders under way are kept (attempts.ts).
const MARK = 'tb.reloaded'
const AGAIN_MS = 60_000

/** Effect: reloads the page when one of its parts cannot be loaded, at most once a minute. */
export function reloadWhenReplaced(reload: () => void = () => location.reload()) {
  window.addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(MARK) ?? 0)
    if (Date.now() - last < AGAIN_MS) return // it does not help: the error is shown (ErrorBoundary)
    sessionStorage.setItem(MARK, String(Date.now()))
    event.preventDefault()
    reload()
  })
}
