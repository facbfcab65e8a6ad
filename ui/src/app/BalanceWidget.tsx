// In the header: the active persona's cash (TB-203), and behind it the last movements.
import { useState } from 'react'
import { explain } from '../data/client'
import { formatMoney, parseMoney, parseMoneyOrNull } from '../data/money'
import { usePersona } from '../data/persona'
import { useBalance, useCue, useShownBalance } from '../data/queries'
import { fullTimeText, timeText } from '../data/time'
import type { Balance, LedgerEntry, Persona } from '../data/types'
import { Banner, Empty, Money, SideMark, Skeleton, StaleAge, useNarrow } from '../parts/basics'
import { Dialog } from '../parts/Dialog'
import { Icon } from '../parts/Icon'
import { Sparkline } from '../parts/Sparkline'

/** Oldest first: the balance before the oldest known movement, then after each. */
export function balancePath(ledger: LedgerEntry[]): bigint[] {
  const oldestFirst = [...ledger].reverse()
  const first = oldestFirst[0]
  if (!first) return []
  return [parseMoney(first.resultingBalance) - parseMoney(first.delta), ...oldestFirst.map((entry) => parseMoney(entry.resultingBalance))]
}

export function BalanceWidget() {
  const { active } = usePersona()
  const { balance, stale, asOf } = useShownBalance(active?.userId)
  const [open, setOpen] = useState(false)
  const data = balance.data
  if (!active) return <Skeleton width={150} height={20} />
  if (!data) {
    return balance.isError ? (
      <button type="button" className="balance balance-stale" onClick={() => void balance.refetch()} title={explain(balance.error)}>
        <span className="balance-label">Cash Balance:</span> <span className="balance-value">not available</span>
      </button>
    ) : (
      <span className="balance">
        <Skeleton width={150} height={20} />
      </span>
    )
  }
  const text = formatMoney(parseMoney(data.currentBalance))
  return (
    <>
      <button
        type="button"
        className={stale ? 'balance balance-stale' : 'balance'}
        onClick={() => setOpen(true)}
        aria-haspopup="dialog"
        title={stale ? 'The last known value; balances are not being updated right now' : 'Show the last movements'}
      >
        <span className="balance-text">
          <span className="balance-label">Cash Balance:</span>{' '}
          <span className="balance-value">
            fl {text.slice(0, -3)}
            <span className="cents">{text.slice(-3)}</span>
          </span>
          <StaleAge asOf={asOf} failed={stale} />
        </span>
        <Sparkline values={balancePath(data.ledger)} />
      </button>
      {open ? <LedgerDialog persona={active} balance={data} asOf={asOf} stale={stale} onClose={() => setOpen(false)} /> : null}
    </>
  )
}

const REASONS: Record<string, string> = {
  OPENING_BALANCE: 'Opening balance',
  ORDER_FILL: 'Order filled',
  COMPENSATION: 'Compensation',
  ADJUSTMENT: 'Adjustment',
}

export function LedgerDialog(props: { persona: Persona; balance: Balance; asOf: number | null; stale: boolean; onClose: () => void }) {
  const { persona, balance } = props
  const pending = parseMoneyOrNull(balance.pendingDelta)
  return (
    <Dialog title={`Cash of ${persona.displayName}`} onClose={props.onClose} wide>
      {props.stale ? (
        <Banner tone="warning" icon="warning" title="Last known values.">
          Balances are not being updated right now.
        </Banner>
      ) : null}
      <dl className="figures">
        <div>
          <dt>Balance</dt>
          <dd className="figure">
            <Money cents={parseMoney(balance.currentBalance)} />
          </dd>
        </div>
        <div>
          <dt>Still to settle</dt>
          <dd className="figure">{pending === null ? '–' : <Money cents={pending} movement />}</dd>
        </div>
        <div>
          <dt>Movements so far</dt>
          <dd className="figure">{balance.version}</dd>
        </div>
        <StaleAge asOf={props.asOf} failed={props.stale} />
      </dl>
      <h3 className="small-title">The last {Math.min(10, balance.ledger.length) || ''} movements</h3>
      <LedgerTable ledger={balance.ledger} />
    </Dialog>
  )
}

/** The last ten adjustments, newest first. On a narrow screen time and order stand below what they belong to. */
export function LedgerTable({ ledger }: { ledger: LedgerEntry[] }) {
  const narrow = useNarrow()
  if (ledger.length === 0) return <Empty title="No movement yet.">The first filled order brings one.</Empty>
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Ledger">
      <table className="table">
        <thead>
          <tr>
            {narrow ? null : <th scope="col">Time</th>}
            <th scope="col">What</th>
            {narrow ? null : <th scope="col">Order</th>}
            <th scope="col" className="number">
              Movement
            </th>
            <th scope="col" className="number">
              Balance after
            </th>
          </tr>
        </thead>
        <tbody>
          {ledger.slice(0, 10).map((entry) => (
            <tr key={entry.entryId}>
              {narrow ? null : (
                <td className="nowrap" title={fullTimeText(entry.createdAt)}>
                  {timeText(entry.createdAt)}
                </td>
              )}
              <td>
                {entry.side && entry.quantity && entry.price ? (
                  <span className="nowrap">
                    <SideMark side={entry.side} /> {entry.quantity} at {formatMoney(parseMoney(entry.price))}
                  </span>
                ) : (
                  (REASONS[entry.reason] ?? entry.reason)
                )}
                {narrow ? (
                  <span className="note block">
                    {timeText(entry.createdAt)} {entry.orderId ? <span className="mono">{entry.orderId}</span> : null}
                  </span>
                ) : null}
              </td>
              {narrow ? null : <td className="mono nowrap">{entry.orderId ?? '–'}</td>}
              <td className="number">
                <Money cents={parseMoney(entry.delta)} movement unit={false} />
              </td>
              <td className="number">
                <Money cents={parseMoney(entry.resultingBalance)} unit={false} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** TB-203: when the balance call fails, the last value stays, greyed, and a banner says so. */
export function BalanceBanner() {
  const { active } = usePersona()
  const balance = useBalance(active?.userId)
  const cue = useCue('balance-unavailable')
  if (cue) {
    // The cue's own banner (CueBanners) says it already.
    return null
  }
  if (!balance.isError) return null
  if (!balance.data) {
    return (
      <Banner
        tone="warning"
        icon="warning"
        title="The balance cannot be read."
        actions={
          <button type="button" className="button button-small" onClick={() => void balance.refetch()}>
            <Icon name="retry" size={14} /> Try again
          </button>
        }
      >
        {explain(balance.error)}
      </Banner>
    )
  }
  return (
    <Banner tone="warning" icon="warning" title="The balance could not be refreshed.">
      The last known value is shown. {explain(balance.error)} <StaleAge asOf={balance.dataUpdatedAt} failed />
    </Banner>
  )
}
