// Work that arrives piecemeal and is done once a frame: 200 events a second are at most 60 renderings, usually fewer.

/** Returns a function that keeps what it is given and hands all of it to `flush` before the next frame. */
export function perFrame<T>(flush: (items: T[]) => void): (items: T[]) => void {
  let kept: T[] = []
  let scheduled = false
  const run = () => {
    scheduled = false
    const items = kept
    kept = []
    flush(items)
  }
  return (items) => {
    if (items.length === 0) return
    kept = kept.length === 0 ? items.slice() : kept.concat(items)
    if (scheduled) return
    scheduled = true
    // A hidden page gets no frames; it must not pile up events for ever.
    if (typeof requestAnimationFrame === 'function' && !document.hidden) requestAnimationFrame(run)
    else setTimeout(run, 50)
  }
}

/** Calls `work` at most once in `milliseconds`, at once when it was quiet, and surely after the last call. */
export function throttle(work: () => void, milliseconds: number): () => void {
  let last = -Infinity
  let timer: ReturnType<typeof setTimeout> | undefined
  return () => {
    if (timer !== undefined) return
    const wait = Math.max(0, last + milliseconds - Date.now())
    timer = setTimeout(() => {
      timer = undefined
      last = Date.now()
      work()
    }, wait)
  }
}
