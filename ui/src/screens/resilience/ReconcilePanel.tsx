// Shown while regions disagree, or when trades carry a mark of it: both sides, and what was compensated.
import { isMissing } from '../../data/client'
import { formatMoney, formatQuantity, parseMoney } from '../../data/money'
import { useCue, useReconciliation, useStatus } from '../../data/queries'
import { useTape } from '../../data/tape'
import { timeText } from '../../data/time'
import { takerSide } from '../../data/tradeStore'
import { Age, Chip, Panel, SideMark } from '../../parts/basics'
import { stateTone } from './StatusPanels'

/** "divergentTrades" → "Divergent trades" */
export function inWords(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function plain(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value)
}

export function ReconcilePanel() {
  const cue = useCue('partition-reconcile')
  const status = useStatus()
  const tape = useTape()
  const flagged = tape.trades.filter((trade) => trade.flags.length > 0)
  const wanted = cue !== undefined || flagged.length > 0
  const reconciliation = useReconciliation(wanted)
  if (!wanted) return null
  const regions = status.data?.regions ?? []
  const details = Object.entries(reconciliation.data ?? cue?.data ?? {})
  return (
    <Panel
      title="Reconciliation"
      className="panel-divergent"
      note={cue?.since ? <Age at={cue.since} prefix="for " lasting /> : 'healed'}
      asOf={status.dataUpdatedAt || null}
      failed={status.isError}
    >
      <div className="panel-pad stack-small">
        <p>{cue?.message ?? 'The regions agree again. These trades were divergent or compensated.'}</p>
        <div className="sides">
          {regions.map((region) => (
            <dl key={region.region} className="side-box">
              <div>
                <dt>Region</dt>
                <dd>
                  <strong>{region.region}</strong>{' '}
                  <Chip tone={stateTone(region.state)}>{region.state.charAt(0) + region.state.slice(1).toLowerCase()}</Chip>
                </dd>
              </div>
              <div>
                <dt>Last order</dt>
                <dd className="mono">{region.lastSeq}</dd>
              </div>
              <div>
                <dt>Not replicated</dt>
                <dd>{formatQuantity(region.replicationLagSeq)}</dd>
              </div>
              <div>
                <dt>Marked trades</dt>
                <dd>{flagged.filter((trade) => trade.region === region.region).length}</dd>
              </div>
            </dl>
          ))}
        </div>
        {details.length > 0 ? (
          <dl className="facts">
            {details.map(([name, value]) => (
              <div key={name}>
                <dt>{inWords(name)}</dt>
                <dd className="mono wrap">{plain(value)}</dd>
              </div>
            ))}
          </dl>
        ) : isMissing(reconciliation.error) ? (
          <p className="note">Details of the reconciliation: not available on this server yet.</p>
        ) : null}
        {flagged.length > 0 ? (
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Trade</th>
                <th scope="col">Time</th>
                <th scope="col">Side</th>
                <th scope="col" className="number">
                  Quantity
                </th>
                <th scope="col" className="number">
                  Price
                </th>
                <th scope="col">Mark</th>
              </tr>
            </thead>
            <tbody>
              {flagged.slice(0, 20).map((trade) => (
                <tr key={trade.tradeId} className="divergent">
                  <td className="mono">{trade.tradeId}</td>
                  <td>{timeText(trade.timestamp)}</td>
                  <td>
                    <SideMark side={takerSide(trade)} />
                  </td>
                  <td className="number">{formatQuantity(trade.quantity)}</td>
                  <td className="number">{formatMoney(parseMoney(trade.price))}</td>
                  <td>
                    <Chip tone="divergent" icon="fork">
                      {trade.flags.map((flag) => flag.charAt(0) + flag.slice(1).toLowerCase()).join(', ')}
                    </Chip>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
    </Panel>
  )
}
