// How wide the number columns of the orders table have to be: as wide as the longest number in them, so that none is cut.
import type { CSSProperties } from 'react'
import type { Order } from '../../data/types'

/** With thousands separators. */
function digitsShown(digits: number): number {
  return digits + Math.floor(Math.max(0, digits - 1) / 3)
}

function quantityLength(order: Order): number {
  const whole = digitsShown(String(order.quantity).length)
  const partial = order.filledQuantity > 0 && order.filledQuantity < order.quantity
  return partial ? whole + 3 + digitsShown(String(order.filledQuantity).length) : whole
}

const CENTS = 3 // ".20"

/** The most signs a column shows over all orders, with nothing formatted: this runs with every change, over thousands of orders. */
export function columnLengths(orders: readonly Order[]): { quantity: number; price: number; notional: number } {
  const most = { quantity: 1, price: 1, notional: 1 }
  for (const order of orders) {
    const whole = order.price.length - CENTS
    most.quantity = Math.max(most.quantity, quantityLength(order))
    most.price = Math.max(most.price, digitsShown(whole) + CENTS)
    // A product has at most as many digits as its factors together.
    most.notional = Math.max(most.notional, digitsShown(whole + String(order.quantity).length) + CENTS)
  }
  return most
}

/** The narrowest a column gets: its heading. */
const LEAST_PX = { quantity: 54, price: 60, notional: 70 }

export function columnWidths(orders: readonly Order[]): CSSProperties {
  const most = columnLengths(orders)
  const width = (column: keyof typeof LEAST_PX) => `max(${LEAST_PX[column]}px, calc(${most[column]} * 1ch + 4px))`
  return { '--w-quantity': width('quantity'), '--w-price': width('price'), '--w-notional': width('notional') } as CSSProperties
}
