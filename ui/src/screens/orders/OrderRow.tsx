// One order in a table: on a wide screen a row of cells, on a narrow one a card.
import { memo } from 'react'
import { isFinal } from '../../data/orderStore'
import { formatMoney, formatQuantity, parseMoney } from '../../data/money'
import { durationText, fullTimeText, timeText } from '../../data/time'
import type { Order, PersonaStub } from '../../data/types'
import { Avatar } from '../../parts/Avatar'
import { Chip, OrderChip, SideMark, useFlash } from '../../parts/basics'
import { Icon } from '../../parts/Icon'

export interface OrderRowProps {
  order: Order
  persona: PersonaStub
  retrying: boolean
  arrivedAt: number | undefined
  cancelling?: boolean
  onOpen?: (order: Order) => void
  onCancel?: (order: Order) => void
  /** Position in the whole table, from 1. */
  index?: number
  offset?: number
  /** Whether Tab comes to this row: to one of the table, arrow keys go on from there. */
  tabStop?: boolean
}

export const OrderRow = memo(function OrderRow(props: OrderRowProps) {
  const { order, persona } = props
  const flash = useFlash(props.arrivedAt)
  const price = parseMoney(order.price)
  const partial = order.filledQuantity > 0 && order.filledQuantity < order.quantity
  return (
    <div
      role="row"
      aria-rowindex={props.index === undefined ? undefined : props.index + 1}
      data-order={order.orderId}
      className={`order-row${flash ? ' flash' : ''}${order.possibleDuplicateOf ? ' order-doubtful' : ''}`}
      style={props.offset === undefined ? undefined : { transform: `translateY(${props.offset}px)` }}
      onClick={props.onOpen ? () => props.onOpen?.(order) : undefined}
    >
      <div role="cell" className="c-time">
        {props.onOpen ? (
          <button
            type="button"
            className="row-link"
            tabIndex={props.tabStop === false ? -1 : 0}
            title={fullTimeText(order.createdAt)}
            aria-label={`Order ${order.orderId}, ${timeText(order.createdAt)}: details`}
          >
            {timeText(order.createdAt)}
          </button>
        ) : (
          <span title={fullTimeText(order.createdAt)}>{timeText(order.createdAt)}</span>
        )}
      </div>
      <div role="cell" className="c-id mono" title={order.orderId}>
        {order.orderId}
      </div>
      <div role="cell" className="c-by" title={`Submitted by ${persona.displayName}`}>
        <Avatar name={persona.displayName} url={persona.avatarUrl} size={24} />
        <span className="by-text">
          <span className="by-prefix">Submitted by </span>
          {persona.displayName}
        </span>
        {persona.deleted ? <span className="by-gone">removed</span> : null}
      </div>
      <div role="cell" className="c-side">
        <SideMark side={order.side} />
      </div>
      <div role="cell" className="c-quantity number" title={partial ? `${order.filledQuantity} of ${order.quantity} filled` : undefined}>
        {partial ? `${formatQuantity(order.filledQuantity)} / ` : ''}
        {formatQuantity(order.quantity)}
      </div>
      <div role="cell" className="c-price number">
        {formatMoney(price)}
      </div>
      <div role="cell" className="c-notional number">
        {formatMoney(price * BigInt(order.quantity))}
      </div>
      <div role="cell" className="c-status">
        <OrderChip order={order} retrying={props.retrying} />
        {order.possibleDuplicateOf ? (
          <Chip tone="warning" icon="warning" title={`An equal order came less than 10 seconds before: ${order.possibleDuplicateOf}`}>
            Duplicate of {order.possibleDuplicateOf}?
          </Chip>
        ) : null}
      </div>
      <div role="cell" className="c-took number">
        {order.processingMs === null ? '–' : durationText(order.processingMs)}
      </div>
      <div role="cell" className="c-action">
        {props.onCancel && !isFinal(order) ? (
          <button
            type="button"
            className="row-button"
            tabIndex={props.tabStop === false ? -1 : 0}
            disabled={props.cancelling}
            title="Cancel this order"
            aria-label={`Cancel order ${order.orderId}`}
            onClick={(event) => {
              event.stopPropagation()
              props.onCancel?.(order)
            }}
          >
            <Icon name="close" size={12} />
            <span className="row-button-word">{props.cancelling ? 'Cancelling' : 'Cancel'}</span>
          </button>
        ) : null}
      </div>
    </div>
  )
})

export function OrderHead() {
  return (
    <div role="row" className="order-row order-head" aria-rowindex={1}>
      <div role="columnheader" className="c-time">
        Time
      </div>
      <div role="columnheader" className="c-id">
        Order
      </div>
      <div role="columnheader" className="c-by">
        <span className="head-with-prefix">Submitted by</span>
        <span className="head-alone">Persona</span>
      </div>
      <div role="columnheader" className="c-side">
        Side
      </div>
      <div role="columnheader" className="c-quantity number">
        Quantity
      </div>
      <div role="columnheader" className="c-price number">
        Price
      </div>
      <div role="columnheader" className="c-notional number">
        Notional
      </div>
      <div role="columnheader" className="c-status">
        Status
      </div>
      <div role="columnheader" className="c-took number">
        Took
      </div>
      <div role="columnheader" className="c-action">
        <span className="hidden">Cancel</span>
      </div>
    </div>
  )
}
