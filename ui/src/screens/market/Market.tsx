import { lazy, Suspense, useMemo, useState } from 'react'
import { explain, isMissing } from '../../data/client'
import { formatMoney, formatQuantity, parseMoney, toDrawing } from '../../data/money'
import { useBook, useCandles, useCue, useMarket } from '../../data/queries'
import { pulseFromTrades, stepText, useTape, type Tape } from '../../data/tape'
import type { Book, Candle } from '../../data/types'
import { Age, Chip, Empty, Failed, Money, Panel, Segmented, Skeleton, StaleAge } from '../../parts/basics'
import { ChartCredit } from '../../parts/ChartCredit'
import { TradeTape } from '../../parts/TradeTape'

const TimeChart = lazy(() => import('../../parts/TimeChart'))
const CandleChart = lazy(() => import('../../parts/TimeChart').then((module) => ({ default: module.CandleChart })))

export default function Market() {
  const market = useMarket()
  const tape = useTape()
  return (
    <div className="screen">
      <h1 className="title">
        Market <span className="title-note">{market.data?.market ?? ''}</span>
        <span className="title-figure">
          {market.data?.lastPrice ? <Money cents={parseMoney(market.data.lastPrice)} /> : null}{' '}
          <StaleAge asOf={market.dataUpdatedAt || null} failed={market.isError} />
        </span>
      </h1>
      <div className="grid grid-market">
        <BookPanel simulated={market.data?.mode === 'SIMFILL'} />
        <CandlePanel tape={tape} />
        <Panel
          title="Trade tape"
          asOf={tape.readAt}
          className="panel-fill area-tape"
          note={tape.ready ? `last ${tape.trades.length}` : undefined}
        >
          <TradeTape tape={tape} rows={200} />
        </Panel>
      </div>
    </div>
  )
}

function BookPanel({ simulated }: { simulated: boolean }) {
  const book = useBook()
  const outage = useCue('region-outage')
  const dim = outage !== undefined || book.data?.stale === true || (book.isError && book.data !== undefined)
  return (
    <Panel
      title="Order book"
      asOf={book.dataUpdatedAt || null}
      failed={book.isError}
      className={`area-book${dim ? ' dimmed' : ''}`}
      note={
        dim && book.data ? (
          <Chip tone="warning" icon="clock">
            <Age at={book.data.asOf} prefix="Data of " />
          </Chip>
        ) : undefined
      }
    >
      {book.data ? (
        book.data.bids.length + book.data.asks.length > 0 ? (
          <Depth book={book.data} />
        ) : simulated ? (
          <Empty icon="market" title="The book is empty, and that is right.">
            In SimFill mode every order is filled at its own price, so none rests in a book.
          </Empty>
        ) : (
          <Empty icon="market" title="Nobody bids or asks right now." />
        )
      ) : book.isError ? (
        <Failed what="The book cannot be read." why={explain(book.error)} onRetry={() => void book.refetch()} />
      ) : (
        <div className="panel-pad">
          <Skeleton lines={10} />
        </div>
      )}
    </Panel>
  )
}

export function Depth({ book }: { book: Book }) {
  const most = Math.max(1, ...book.bids.map((level) => level[1]), ...book.asks.map((level) => level[1]))
  const bestBid = book.bids[0] ? parseMoney(book.bids[0][0]) : null
  const bestAsk = book.asks[0] ? parseMoney(book.asks[0][0]) : null
  const side = (levels: [string, number][], tone: 'buy' | 'sell') =>
    levels.map(([price, quantity]) => (
      <tr key={`${tone} ${price}`} className={`level level-${tone}`}>
        <td className="number level-quantity">
          <span className="level-bar" style={{ width: `${(100 * quantity) / most}%` }} aria-hidden="true" />
          <span>{formatQuantity(quantity)}</span>
        </td>
        <td className={`number ${tone === 'buy' ? 'up' : 'down'}`}>{formatMoney(parseMoney(price))}</td>
      </tr>
    ))
  return (
    <table className="table depth">
      <thead>
        <tr>
          <th scope="col" className="number">
            Quantity
          </th>
          <th scope="col" className="number">
            Price
          </th>
        </tr>
      </thead>
      <tbody>{side([...book.asks].reverse(), 'sell')}</tbody>
      <tbody>
        <tr className="spread">
          <td>Spread</td>
          <td className="number">{bestBid !== null && bestAsk !== null ? formatMoney(bestAsk - bestBid) : '–'}</td>
        </tr>
      </tbody>
      <tbody>{side(book.bids, 'buy')}</tbody>
    </table>
  )
}

type Interval = '1m' | '5m' | '1h'

/** A candle's beginning, whatever the server calls it. */
function startOf(candle: Candle): number {
  const loose = candle as unknown as Record<string, unknown>
  const text = candle.start ?? loose.ts ?? loose.time ?? loose.openTime
  return Math.floor(Date.parse(String(text)) / 1000)
}

/** Until the server has candles: the price line of the trades it does have, and a word about it. */
function PriceFromTrades({ tape }: { tape: Tape }) {
  const derived = useMemo(() => pulseFromTrades(tape.trades), [tape.trades])
  const points = useMemo(
    () =>
      derived.points.map((point) => ({
        time: point.time,
        price: point.averageCents === null ? null : toDrawing(point.averageCents),
        buys: point.buys,
        sells: point.sells,
      })),
    [derived],
  )
  return (
    <Panel
      title="Price"
      asOf={tape.readAt}
      className="area-candles"
      note={`average ${stepText(derived.stepSeconds)}, from the last ${tape.trades.length} trades`}
    >
      {points.length > 0 ? (
        <Suspense fallback={<div className="chart" aria-busy="true" />}>
          <TimeChart points={points} label={`Average price over time, ${points.length} points`} />
        </Suspense>
      ) : (
        <div className="chart-empty">
          <Empty icon="market" title="No trade yet." />
        </div>
      )}
      <p className="credit credit-row">
        <span>Candles: not available on this server yet.</span>
        <ChartCredit />
      </p>
    </Panel>
  )
}

function CandlePanel({ tape }: { tape: Tape }) {
  const [interval, setInterval] = useState<Interval>('1m')
  const candles = useCandles(interval)
  const points = useMemo(
    () =>
      (candles.data?.items ?? [])
        .map((candle) => ({
          time: startOf(candle),
          open: toDrawing(parseMoney(candle.open)),
          high: toDrawing(parseMoney(candle.high)),
          low: toDrawing(parseMoney(candle.low)),
          close: toDrawing(parseMoney(candle.close)),
          volume: candle.volume,
        }))
        .filter((point) => Number.isFinite(point.time))
        .sort((a, b) => a.time - b.time)
        .filter((point, i, all) => i === 0 || point.time > all[i - 1]!.time),
    [candles.data],
  )
  if (isMissing(candles.error)) return <PriceFromTrades tape={tape} />
  return (
    <Panel
      title="Candles"
      asOf={candles.dataUpdatedAt || null}
      failed={candles.isError}
      className="area-candles"
      actions={
        <Segmented
          label="Interval"
          value={interval}
          onChange={setInterval}
          options={[
            { value: '1m', label: '1 min' },
            { value: '5m', label: '5 min' },
            { value: '1h', label: '1 h' },
          ]}
        />
      }
    >
      {candles.isError && !candles.data ? (
        <Failed what="The candles cannot be read." why={explain(candles.error)} onRetry={() => void candles.refetch()} />
      ) : !candles.data ? (
        <div className="chart" aria-busy="true">
          <Skeleton height={280} width="100%" />
        </div>
      ) : points.length === 0 ? (
        <div className="chart-empty">
          <Empty icon="market" title="No candle yet.">
            The first trade begins one.
          </Empty>
        </div>
      ) : (
        <Suspense fallback={<div className="chart" aria-busy="true" />}>
          <CandleChart points={points} label={`Candles of ${interval}, ${points.length} of them`} />
          <p className="credit">
            <ChartCredit />
          </p>
        </Suspense>
      )}
    </Panel>
  )
}
