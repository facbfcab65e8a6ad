// Everything about one order: what it became, its trades, and its events across the streams.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import { api } from '../../data/api'
import { explain } from '../../data/client'
import { useLive } from '../../data/live'
import { formatMoney, formatQuantity, parseMoney } from '../../data/money'
import { usePersonaMap } from '../../data/queries'
import { durationText, fullTimeText, timeText } from '../../data/time'
import type { Envelope, Order } from '../../data/types'
import { Avatar } from '../../parts/Avatar'
import { Failed, Money, OrderChip, SideMark, Skeleton } from '../../parts/basics'
import { Dialog } from '../../parts/Dialog'

export function OrderDialog({ orderId, onClose }: { orderId: string; onClose: () => void }) {
  const live = useLive()
  const personas = usePersonaMap()
  const known = useSyncExternalStore(live.orders.subscribe, () => live.orders.get(orderId))
  const detail = useQuery({ queryKey: ['order', orderId], queryFn: () => api.order(orderId) })
  const status = known?.status
  const { refetch } = detail
  useEffect(() => void refetch(), [status, refetch])
  const order: Order | undefined = known ?? detail.data
  return (
    <Dialog title={`Order ${orderId}`} onClose={onClose} wide>
      {!order ? (
        detail.isError ? (
          <Failed what="The order cannot be read." why={explain(detail.error)} />
        ) : (
          <Skeleton lines={6} />
        )
      ) : (
        <Facts order={order} persona={personas.get(order.userId) ?? order.persona} />
      )}
      <h3 className="small-title">What happened</h3>
      {detail.data ? (
        <Timeline events={detail.data.events} />
      ) : detail.isError ? (
        <p className="note">{explain(detail.error)}</p>
      ) : (
        <Skeleton lines={4} />
      )}
    </Dialog>
  )
}

function Facts({ order, persona }: { order: Order; persona: Order['persona'] }) {
  const price = parseMoney(order.price)
  return (
    <>
      <div className="order-facts-head">
        <Avatar name={persona.displayName} url={persona.avatarUrl} size={40} />
        <div>
          <p className="order-facts-title">
            <SideMark side={order.side} /> {formatQuantity(order.quantity)} at <Money cents={price} />
          </p>
          <p className="note">Submitted by {persona.displayName}</p>
        </div>
        <OrderChip order={order} />
      </div>
      <dl className="facts">
        <Fact name="Notional">
          <Money cents={price * BigInt(order.quantity)} />
        </Fact>
        <Fact name="Filled">
          {formatQuantity(order.filledQuantity)} of {formatQuantity(order.quantity)}
          {order.avgFillPrice ? ` at ${formatMoney(parseMoney(order.avgFillPrice))}` : ''}
        </Fact>
        <Fact name="Created">{fullTimeText(order.createdAt)}</Fact>
        <Fact name="Took">{order.processingMs === null ? '–' : durationText(order.processingMs)}</Fact>
        <Fact name="Region">{order.acceptedAz ? `${order.region} · ${order.acceptedAz}` : order.region}</Fact>
        <Fact name="Time in force">{order.timeInForce}</Fact>
        {order.possibleDuplicateOf ? <Fact name="Possible duplicate of">{order.possibleDuplicateOf}</Fact> : null}
        {order.simulationSeed ? <Fact name="Simulation seed">{order.simulationSeed}</Fact> : null}
        <Fact name="Idempotency key" mono>
          {order.idempotencyKey}
        </Fact>
        {order.traceId ? (
          <Fact name="Trace" mono>
            {order.traceId}
          </Fact>
        ) : null}
      </dl>
    </>
  )
}

function Fact({ name, mono, children }: { name: string; mono?: boolean; children: React.ReactNode }) {
  return (
    <div className={mono ? 'fact-long' : undefined}>
      <dt>{name}</dt>
      <dd className={mono ? 'mono wrap' : undefined}>{children}</dd>
    </div>
  )
}

const WORDS: Record<string, string> = {
  OrderReceived: 'Received and durable',
  CancelRequested: 'Cancel asked for',
  TradeExecuted: 'Traded',
  OrderAccepted: 'Accepted',
  OrderCancelled: 'Cancelled',
  OrderRejected: 'Rejected',
  BalanceUpdated: 'Cash moved',
  BalanceAdjustmentFailed: 'Cash movement failed, retried',
  DeadLettered: 'Cash movement put aside (dead letter)',
  DeadLetterRedriven: 'Cash movement redriven',
  DeadLetterDiscarded: 'Cash movement discarded',
}

function said(event: Envelope): string {
  const p = event.payload
  if (event.type === 'TradeExecuted' && typeof p.quantity === 'number' && typeof p.price === 'string') {
    return `${formatQuantity(p.quantity)} at ${formatMoney(parseMoney(p.price))}`
  }
  if (event.type === 'BalanceUpdated' && typeof p.delta === 'string' && typeof p.resultingBalance === 'string') {
    return `${formatMoney(parseMoney(p.delta), { signed: true })}, balance ${formatMoney(parseMoney(p.resultingBalance))}`
  }
  if (typeof p.reason === 'string') return p.reason
  return ''
}

function Timeline({ events }: { events: Envelope[] }) {
  const sorted = [...events].sort((a, b) => (a.ts === b.ts ? 0 : a.ts < b.ts ? -1 : 1))
  const start = sorted[0] ? Date.parse(sorted[0].ts) : 0
  return (
    <ol className="timeline">
      {sorted.map((event) => (
        <li key={`${event.stream} ${event.seq}`}>
          <span className="timeline-time" title={fullTimeText(event.ts)}>
            {event === sorted[0] ? timeText(event.ts) : `+${durationText(Date.parse(event.ts) - start)}`}
          </span>
          <span className="timeline-what">
            {WORDS[event.type] ?? event.type} <span className="note">{said(event)}</span>
          </span>
          <span className="timeline-where mono">
            {event.stream} {event.seq}
          </span>
        </li>
      ))}
    </ol>
  )
}
