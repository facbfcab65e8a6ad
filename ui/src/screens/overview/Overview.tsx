import { lazy, Suspense, useMemo, type ReactNode } from 'react'
import { Link } from 'react-router'
import { isMissing } from '../../data/client'
import { formatQuantity, parseMoney, toDrawing } from '../../data/money'
import { useOrderPages } from '../../data/orderPages'
import { useActiveCues, useDeadLetters, useMarket, usePulse, useStatus } from '../../data/queries'
import { pulseFromTrades, stepText, useTape } from '../../data/tape'
import { durationText } from '../../data/time'
import type { Order, Pulse, Trade } from '../../data/types'
import { BalanceBanner } from '../../app/BalanceWidget'
import { Empty, Failed, Later, Money, Panel, Skeleton, StaleAge, type Tone } from '../../parts/basics'
import { ChartCredit } from '../../parts/ChartCredit'
import { TradeTape } from '../../parts/TradeTape'
import { OrderList } from '../orders/OrderList'
import { latencyOf, queuedOf } from './health'

const TimeChart = lazy(() => import('../../parts/TimeChart'))
const NO_FILTER = {}

export function Overview() {
  const tape = useTape()
  const pages = useOrderPages(NO_FILTER)
  const pulse = usePulse()
  return (
    <div className="screen">
      <h1 className="title">Overview</h1>
      <BalanceBanner />
      <HealthStrip
        pulse={pulse.data}
        pulseAt={pulse.dataUpdatedAt}
        orders={pages.orders}
        read={!pages.loading && !pages.error}
        trades={tape.trades}
      />
      <div className="grid grid-overview">
        <PulsePanel pulse={pulse.data} settled={!pulse.isPending} tape={tape} />
        <Panel
          title="Latest trades"
          asOf={tape.readAt}
          actions={
            <Link className="link" to="/market">
              Market
            </Link>
          }
          className="panel-fill"
        >
          <TradeTape tape={tape} rows={11} />
        </Panel>
      </div>
      <Panel
        title="Latest orders"
        className="panel-fill"
        asOf={pages.readAt}
        actions={
          <Link className="link" to="/orders">
            All orders
          </Link>
        }
      >
        {pages.orders.length === 0 ? (
          pages.error ? (
            <Failed what="The orders cannot be read." why={pages.error} onRetry={pages.again} />
          ) : pages.loading ? (
            <div className="panel-pad">
              <Skeleton lines={5} />
            </div>
          ) : (
            <Empty
              icon="orders"
              title="No order yet."
              action={
                <Link className="button" to="/orders">
                  Place the first one
                </Link>
              }
            />
          )
        ) : (
          <OrderList orders={pages.orders} limit={8} />
        )}
      </Panel>
    </div>
  )
}

function Tile(props: { label: string; value: ReactNode; note?: ReactNode; tone?: Tone; to?: string; asOf: number; failed: boolean }) {
  return (
    <div className={`tile tile-${props.tone ?? 'plain'}`}>
      <dt className="tile-label">{props.to ? <Link to={props.to}>{props.label}</Link> : props.label}</dt>
      <dd className="tile-value">{props.value}</dd>
      <dd className="tile-note">
        {props.note} <StaleAge asOf={props.asOf} failed={props.failed} />
      </dd>
    </div>
  )
}

function HealthStrip(props: {
  pulse: Pulse | undefined
  pulseAt: number
  orders: Order[]
  /** Whether those are all there are; before that nothing can be said about what there is not. */
  read: boolean
  trades: Trade[]
}) {
  const { pulse, pulseAt, orders, trades } = props
  const status = useStatus()
  const cues = useActiveCues()
  const letters = useDeadLetters()
  const latency = latencyOf(pulse, orders)
  const queued = queuedOf(pulse, status.data)
  const slow = cues.some((cue) => cue.id === 'time-to-accept')
  const pressed = cues.some((cue) => cue.id === 'backpressure')
  const apart = cues.some((cue) => cue.id === 'partition-reconcile')
  const flagged = trades.filter((trade) => trade.flags.length > 0).length
  const depth = letters.data?.depth ?? pulse?.dlqDepth
  return (
    <dl className="tiles" aria-label="Health">
      <Tile
        asOf={pulse ? pulseAt : status.dataUpdatedAt}
        failed={status.isError}
        label="Order latency, median"
        tone={slow ? 'warning' : 'plain'}
        value={
          <Later ready={latency.p50 !== null || !status.isPending}>
            {latency.p50 !== null ? durationText(latency.p50) : props.read ? '–' : 'unknown'}
          </Later>
        }
        note={
          latency.p50 === null
            ? props.read
              ? 'no order measured yet'
              : ''
            : `p95 ${latency.p95 === null ? '–' : durationText(latency.p95)} · ${latency.source}`
        }
      />
      <Tile
        asOf={pulse ? pulseAt : status.dataUpdatedAt}
        failed={status.isError}
        label="Queued events"
        tone={pressed ? 'warning' : 'plain'}
        value={
          <Later ready={queued.count !== null || status.isError}>{queued.count === null ? 'unknown' : formatQuantity(queued.count)}</Later>
        }
        note={queued.source}
        to="/resilience"
      />
      <Tile
        asOf={status.dataUpdatedAt}
        failed={status.isError}
        label="Tape divergence"
        tone={apart || flagged > 0 ? 'divergent' : 'plain'}
        value={
          apart ? (
            'Reconciling'
          ) : flagged > 0 ? (
            formatQuantity(flagged)
          ) : status.data ? (
            'None'
          ) : status.isError ? (
            'unknown'
          ) : (
            <Skeleton width={60} height={14} />
          )
        }
        note={
          flagged > 0
            ? `of the last ${trades.length} trades`
            : status.data
              ? `${status.data.regions.length === 1 ? 'one region' : `${status.data.regions.length} regions`}`
              : ''
        }
        to="/resilience"
      />
      <Tile
        asOf={letters.dataUpdatedAt}
        failed={letters.isError}
        label="Dead letters"
        tone={depth ? 'bad' : 'plain'}
        value={<Later ready={depth !== undefined || letters.isError}>{depth === undefined ? 'unknown' : formatQuantity(depth)}</Later>}
        note={depth ? 'waiting for a redrive' : depth === 0 ? 'nothing was put aside' : ''}
        to="/resilience"
      />
    </dl>
  )
}

/** The step between two points in words: the shortest distance, for a step without orders has no point. */
function stepOf(points: { time: number }[]): string {
  const steps = points.slice(1).map((point, i) => point.time - points[i]!.time)
  return steps.length > 0 ? stepText(Math.max(1, Math.min(...steps))) : ''
}

function share(value: number): number {
  const fraction = value > 1 ? value / 100 : value
  return Math.round(fraction * 100)
}

function PulsePanel({ pulse, settled, tape }: { pulse: Pulse | undefined; settled: boolean; tape: ReturnType<typeof useTape> }) {
  const market = useMarket()
  const derived = useMemo(() => pulseFromTrades(tape.trades), [tape.trades])
  // The server's pulse is that of the last minutes; while the market is quiet the last trades are shown, however old.
  const served = pulse && pulse.points.length > 0 ? pulse : undefined
  const points = useMemo(
    () =>
      served
        ? served.points.map((point) => ({
            time: Math.floor(Date.parse(point.ts) / 1000),
            price: point.avgPrice === null ? null : toDrawing(parseMoney(point.avgPrice)),
            buys: point.buyOrders,
            sells: point.sellOrders,
          }))
        : derived.points.map((point) => ({
            time: point.time,
            price: point.averageCents === null ? null : toDrawing(point.averageCents),
            buys: point.buys,
            sells: point.sells,
          })),
    [served, derived],
  )
  const buys = points.reduce((sum, point) => sum + point.buys, 0)
  const sells = points.reduce((sum, point) => sum + point.sells, 0)
  const sampled = served?.stats.ordersSampled ?? buys + sells
  const buyShare =
    served && sampled > 0 ? share(served.stats.buyShare) : buys + sells > 0 ? Math.round((buys * 100) / (buys + sells)) : null
  const last = pulse?.stats.lastPrice ?? market.data?.lastPrice ?? null
  const missing = isMissing(market.error)
  const known = settled && tape.ready
  return (
    <Panel
      title="Market pulse"
      asOf={tape.readAt}
      className="panel-fill"
      note={
        served
          ? `average price and orders ${stepOf(points)}`
          : points.length > 0
            ? `average price ${stepText(derived.stepSeconds)}, last ${formatQuantity(tape.trades.length)} trades`
            : undefined
      }
    >
      <div className="pulse-stats">
        <div>
          <span className="stat-label">Last price</span>
          <span className="stat-value">
            {last !== null ? <Money cents={parseMoney(last)} /> : market.isPending && !missing ? <Skeleton width={90} height={16} /> : '–'}
          </span>
        </div>
        <div className="pulse-share">
          <span className="stat-label">
            {buyShare === null ? (known ? 'No order yet' : 'Buy · Sell') : `Buy ${buyShare} % · Sell ${100 - buyShare} %`}
            {buyShare === null ? null : (
              <span className="share-of">
                {' '}
                of {formatQuantity(sampled)} {served ? 'orders' : 'trades'}
              </span>
            )}
          </span>
          <span className="sharebar" aria-hidden="true">
            {buyShare === null ? null : (
              <>
                <span className="sharebar-buy" style={{ width: `${buyShare}%` }} />
                <span className="sharebar-sell" style={{ width: `${100 - buyShare}%` }} />
              </>
            )}
          </span>
        </div>
      </div>
      {points.length > 0 ? (
        <Suspense fallback={<div className="chart" aria-busy="true" />}>
          <TimeChart points={points} label={`Average price over time, ${points.length} points; last ${last ?? 'unknown'}`} />
          <p className="credit">
            <ChartCredit />
          </p>
        </Suspense>
      ) : known ? (
        <div className="chart chart-empty">
          <Empty icon="overview" title="No pulse yet.">
            The chart begins with the first trade.
          </Empty>
        </div>
      ) : tape.error ? (
        <Failed what="The pulse cannot be read." why={tape.error} onRetry={tape.again} />
      ) : (
        <div className="chart" aria-busy="true">
          <Skeleton height={200} width="100%" />
        </div>
      )}
    </Panel>
  )
}
