// The orders table's data: the store of all known orders, cut to a filter, and read further down page by page as somebody scrolls.
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { api, type OrderFilter } from './api'
import { explain } from './client'
import { useLive } from './live'
import { newestFirst } from './orderStore'
import type { Order } from './types'

const PAGE = 200
/** A page may come back empty with a cursor (the server looks at a bounded number of rows): go on this often by itself. */
const EMPTY_PAGES_MAX = 5

interface Reach {
  /** Everything newer than this order is known; undefined: nothing yet. */
  oldest?: Order
  cursor: string | null
  complete: boolean
}

export interface OrderPages {
  orders: Order[]
  loading: boolean
  error: string | null
  complete: boolean
  /** When the first page was last read. */
  readAt: number | null
  more: () => void
  again: () => void
}

export function useOrderPages(filter: OrderFilter): OrderPages {
  const live = useLive()
  const all = useSyncExternalStore(live.orders.subscribe, live.orders.snapshot)
  const { userId, status, side } = filter
  const [reach, setReach] = useState<Reach>({ cursor: null, complete: false })
  const [loading, setLoading] = useState(true)
  const [error, setError] = useState<string | null>(null)
  const [readAt, setReadAt] = useState<number | null>(null)
  const run = useRef<AbortController | null>(null)

  const load = useCallback(
    async (from: string | null) => {
      run.current?.abort()
      const mine = (run.current = new AbortController())
      setLoading(true)
      setError(null)
      try {
        let cursor = from
        for (let tries = 0; tries < EMPTY_PAGES_MAX; tries++) {
          const page = await api.orders({ userId, status, side }, cursor, PAGE, mine.signal)
          // The newest page again, and it meets what is known: nothing is missing between, and what lies below stays.
          const meets = from === null && tries === 0 && page.items.some((order) => live.orders.get(order.orderId))
          live.orders.put(page.items)
          cursor = page.nextCursor
          const last = page.items[page.items.length - 1]
          if (last || cursor === null) {
            const next = cursor
            setReach((old) => (meets && old.oldest ? old : { oldest: last ?? old.oldest, cursor: next, complete: next === null }))
            break
          }
        }
        if (from === null) setReadAt(Date.now())
      } catch (failure) {
        if (!mine.signal.aborted) setError(explain(failure))
      } finally {
        if (run.current === mine) {
          run.current = null
          setLoading(false)
        }
      }
    },
    [live, userId, status, side],
  )

  useEffect(() => {
    setReach({ cursor: null, complete: false })
    void load(null)
    return () => run.current?.abort()
  }, [load])

  useEffect(() => live.onReset(() => void load(null)), [live, load])

  const orders = useMemo(
    () =>
      all.filter(
        (order) =>
          (!userId || order.userId === userId) &&
          (!status || order.status === status) &&
          (!side || order.side === side) &&
          (reach.complete || !reach.oldest || newestFirst(order, reach.oldest) <= 0),
      ),
    [all, userId, status, side, reach],
  )

  const more = useCallback(() => {
    if (!run.current && reach.cursor !== null) void load(reach.cursor)
  }, [load, reach.cursor])
  const again = useCallback(() => void load(null), [load])
  return { orders, loading, error, complete: reach.complete, readAt, more, again }
}
