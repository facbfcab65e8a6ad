// The orders table with the keyboard: Tab comes to one row (and its cancel button), arrow keys, Page, Home and End go on from there, Enter opens it.
// Otherwise whoever tabs through would pass every one of ten thousand rows.
import type { VirtualItem } from '@tanstack/react-virtual'
import { useLayoutEffect, useRef, useState, type FocusEvent, type KeyboardEvent, type RefObject } from 'react'
import type { Order } from '../../data/types'

const PAGE_ROWS = 15

/** Where a key leads from row `at` of `count`; null: it is no such key. */
export function rowAfterKey(key: string, at: number, count: number): number | null {
  const last = count - 1
  const to = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + PAGE_ROWS,
    PageUp: at - PAGE_ROWS,
    Home: 0,
    End: last,
  }[key]
  return to === undefined ? null : Math.min(last, Math.max(0, to))
}

export function useRowKeys(table: {
  orders: Order[]
  items: VirtualItem[]
  firstInSight: number
  scroller: RefObject<HTMLElement | null>
  scrollTo: (index: number) => void
}) {
  const { orders, scroller } = table
  const [current, setCurrent] = useState<string | null>(null)
  const wanted = useRef<string | null>(null)
  // The row to be focused is drawn some renderings after its place was scrolled to.
  useLayoutEffect(() => {
    if (wanted.current === null) return
    const row = scroller.current?.querySelector(`[data-order="${CSS.escape(wanted.current)}"] .row-link`)
    if (!(row instanceof HTMLElement)) return
    wanted.current = null
    row.focus({ preventScroll: true })
  })
  const drawn = table.items.some((item) => orders[item.index]?.orderId === current)
  return {
    tabStop: drawn ? current : (orders[table.firstInSight]?.orderId ?? null),
    onFocus: (event: FocusEvent) => {
      const id = event.target.closest('[data-order]')?.getAttribute('data-order')
      if (id) setCurrent(id)
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLElement)) return
      const id = event.target.closest('[data-order]')?.getAttribute('data-order')
      const at = orders.findIndex((order) => order.orderId === id)
      if (at < 0) return
      const to = rowAfterKey(event.key, at, orders.length)
      if (to === null) return
      event.preventDefault()
      wanted.current = orders[to]!.orderId
      setCurrent(wanted.current)
      table.scrollTo(to)
    },
  }
}
