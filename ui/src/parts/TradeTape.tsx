import { useLive } from '../data/live'
import { formatMoney, formatQuantity, parseMoney } from '../data/money'
import type { Tape } from '../data/tape'
import { timeText } from '../data/time'
import { takerSide } from '../data/tradeStore'
import type { Trade } from '../data/types'
import { Chip, Empty, Failed, SideMark, Skeleton, useFlash } from './basics'

/** Trades, newest first. Divergent and compensated ones are orange, with the word. */
export function TradeTape({ tape, rows }: { tape: Tape; rows: number }) {
  if (!tape.ready && tape.trades.length === 0) {
    return tape.error ? (
      <Failed what="The trades cannot be read." why={tape.error} onRetry={tape.again} />
    ) : (
      <div className="panel-pad">
        <Skeleton lines={8} />
      </div>
    )
  }
  if (tape.trades.length === 0)
    return (
      <Empty icon="market" title="No trade yet.">
        The first filled order prints here.
      </Empty>
    )
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Trades">
      <table className="table tape">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Side</th>
            <th scope="col" className="number">
              Quantity
            </th>
            <th scope="col" className="number">
              Price
            </th>
          </tr>
        </thead>
        <tbody>
          {tape.trades.slice(0, rows).map((trade) => (
            <TapeRow key={trade.tradeId} trade={trade} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function TapeRow({ trade }: { trade: Trade }) {
  const flash = useFlash(useLive().trades.arrivedAt(trade.tradeId))
  const flag = trade.flags.find((one) => /DIVERGENT|COMPENSAT/i.test(one))
  return (
    <tr className={`${flag ? 'divergent' : ''}${flash ? ' flash' : ''}`}>
      <td className="nowrap" title={`Trade ${trade.tradeId}`}>
        {timeText(trade.timestamp)}
      </td>
      <td>
        <SideMark side={takerSide(trade)} />
        {flag ? (
          <Chip tone="divergent" icon="fork">
            {/COMPENSAT/i.test(flag) ? 'Compensated' : 'Divergent'}
          </Chip>
        ) : null}
      </td>
      <td className="number">{formatQuantity(trade.quantity)}</td>
      <td className="number">{formatMoney(parseMoney(trade.price))}</td>
    </tr>
  )
}
