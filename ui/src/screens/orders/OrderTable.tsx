// The orders table: only the rows in sight are in the document, so ten thousand scroll like ten.
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { api } from '../../data/api'
import { explain } from '../../data/client'
import { useLive } from '../../data/live'
import type { OrderPages } from '../../data/orderPages'
import { useCue, usePersonaMap } from '../../data/queries'
import type { Order } from '../../data/types'
import { Empty, Failed, Skeleton, useNarrow } from '../../parts/basics'
import { Icon } from '../../parts/Icon'
import { useToast } from '../../parts/toasts'
import { columnWidths } from './columns'
import { OrderHead, OrderRow } from './OrderRow'
import { useRowKeys } from './rowKeys'

const ROW = 32
const CARD = 84
/** So many rows before the end the next page is asked for. */
const AHEAD = 40

/** While a zone restarts (cue az-blip) the rows stand still: what comes meanwhile is counted, and shown when it is over. */
function useStandstill(orders: Order[], frozen: boolean): { shown: Order[]; waiting: number } {
  const top = useRef<string | null>(null)
  if (!frozen) top.current = null
  else top.current ??= orders[0]?.orderId ?? null
  return useMemo(() => {
    const waiting = top.current === null ? 0 : orders.findIndex((order) => order.orderId === top.current)
    // Not found: the filter changed, or everything was read anew.
    return waiting <= 0 ? { shown: orders, waiting: 0 } : { shown: orders.slice(waiting), waiting }
  }, [orders, frozen])
}

export function OrderTable({ pages, filtered, onOpen }: { pages: OrderPages; filtered: boolean; onOpen: (order: Order) => void }) {
  const live = useLive()
  const toast = useToast()
  const personas = usePersonaMap()
  const outage = useCue('region-outage') !== undefined
  const frozen = useCue('az-blip') !== undefined
  const narrow = useNarrow()
  const scroller = useRef<HTMLDivElement>(null)
  const [cancelling, setCancelling] = useState<ReadonlySet<string>>(new Set())
  const { shown: orders, waiting } = useStandstill(pages.orders, frozen)
  const widths = useMemo(() => columnWidths(orders), [orders])
  const rowHeight = narrow ? CARD : ROW
  const rows = useVirtualizer({
    count: orders.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    getItemKey: (index) => orders[index]!.orderId,
  })
  useEffect(() => rows.measure(), [rows, rowHeight])

  // Whoever has scrolled down keeps their place when new orders arrive on top.
  const first = useRef<Order | undefined>(undefined)
  const newer = useRef(0)
  const [away, setAway] = useState(false)
  useLayoutEffect(() => {
    const before = first.current
    first.current = orders[0]
    const element = scroller.current
    if (!before || !element || element.scrollTop < rowHeight) return
    const shift = orders.indexOf(orders.find((order) => order.orderId === before.orderId) ?? before)
    if (shift > 0) {
      element.scrollTop += shift * rowHeight
      newer.current += shift
    }
  }, [orders, rowHeight])

  const items = rows.getVirtualItems()
  const keys = useRowKeys({ orders, items, firstInSight: rows.range?.startIndex ?? 0, scroller, scrollTo: rows.scrollToIndex })
  const lastShown = items[items.length - 1]?.index ?? 0
  const { more } = pages
  useEffect(() => {
    if (!pages.complete && !pages.error && orders.length > 0 && lastShown >= orders.length - AHEAD) more()
  }, [lastShown, orders.length, pages.complete, pages.error, more])

  const cancel = useCallback(
    async (order: Order) => {
      setCancelling((old) => new Set(old).add(order.orderId))
      try {
        const answer = await api.cancel(order.orderId)
        live.orders.put([answer.value])
      } catch (error) {
        toast({ tone: 'bad', text: `Order ${order.orderId} was not cancelled: ${explain(error)}` })
      } finally {
        setCancelling((old) => {
          const next = new Set(old)
          next.delete(order.orderId)
          return next
        })
      }
    },
    [live, toast],
  )

  if (orders.length === 0) {
    if (pages.error) return <Failed what="The orders cannot be read." why={pages.error} onRetry={pages.again} />
    if (pages.loading) {
      return (
        <div className="panel-pad" aria-busy="true">
          <Skeleton lines={12} height={14} />
        </div>
      )
    }
    return filtered ? (
      <Empty icon="filter" title="No order fits the filters." />
    ) : (
      <Empty icon="orders" title="No order yet.">
        Fill in the ticket and press Ctrl + Enter.
      </Empty>
    )
  }
  return (
    <div className={`order-table order-table-tall${frozen ? ' frozen' : ''}`} data-cue={frozen ? 'az-blip' : undefined} style={widths}>
      <div role="table" aria-label="Orders" aria-rowcount={pages.complete ? orders.length + 1 : -1} className="order-frame">
        <div role="rowgroup">
          <OrderHead />
        </div>
        <div
          role="rowgroup"
          ref={scroller}
          className="order-scroll"
          onKeyDown={keys.onKeyDown}
          onFocus={keys.onFocus}
          onScroll={(event) => {
            const down = event.currentTarget.scrollTop >= rowHeight
            if (!down) newer.current = 0
            setAway(down)
          }}
        >
          <div className="order-space" style={{ height: rows.getTotalSize() }}>
            {items.map((item) => {
              const order = orders[item.index]!
              return (
                <OrderRow
                  key={order.orderId}
                  order={order}
                  persona={personas.get(order.userId) ?? order.persona}
                  retrying={outage}
                  arrivedAt={live.orders.arrivedAt(order.orderId)}
                  cancelling={cancelling.has(order.orderId)}
                  onOpen={onOpen}
                  onCancel={cancel}
                  index={item.index + 1}
                  offset={item.start}
                  tabStop={order.orderId === keys.tabStop}
                />
              )
            })}
          </div>
        </div>
      </div>
      {away ? (
        <button type="button" className="to-top" onClick={() => scroller.current?.scrollTo({ top: 0 })}>
          <Icon name="up" size={12} />
          {newer.current > 0 ? `${newer.current} newer` : 'Newest'}
        </button>
      ) : null}
      <p className="table-foot" aria-live="off">
        {orders.length.toLocaleString('en-GB')} shown{pages.complete ? '' : ', more further down'}
        {live.orders.trimmed ? '; the oldest were let go, filter or use CSV for them' : ''}
        {pages.error ? ` · ${pages.error}` : ''}
        {frozen ? ' · standing still while a part restarts' : ''}
        {waiting > 0 ? `, ${waiting.toLocaleString('en-GB')} newer wait` : ''}
      </p>
    </div>
  )
}
