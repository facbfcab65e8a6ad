// A few orders, without scrolling: the overview's list.
import { useLive } from '../../data/live'
import { useCue, usePersonaMap } from '../../data/queries'
import type { Order } from '../../data/types'
import { columnWidths } from './columns'
import { OrderHead, OrderRow } from './OrderRow'

export function OrderList({ orders, limit }: { orders: Order[]; limit: number }) {
  const live = useLive()
  const personas = usePersonaMap()
  const outage = useCue('region-outage') !== undefined
  const frozen = useCue('az-blip') !== undefined
  const shown = orders.slice(0, limit)
  return (
    <div role="table" aria-label="Latest orders" className={`order-table order-list${frozen ? ' frozen' : ''}`} style={columnWidths(shown)}>
      <div role="rowgroup">
        <OrderHead />
      </div>
      <div role="rowgroup">
        {shown.map((order) => (
          <OrderRow
            key={order.orderId}
            order={order}
            persona={personas.get(order.userId) ?? order.persona}
            retrying={outage}
            arrivedAt={live.orders.arrivedAt(order.orderId)}
          />
        ))}
      </div>
    </div>
  )
}
