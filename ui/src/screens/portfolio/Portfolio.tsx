import { useQuery } from '@tanstack/react-query'
import { BalanceBanner, LedgerTable } from '../../app/BalanceWidget'
import { api } from '../../data/api'
import { explain, isMissing } from '../../data/client'
import { formatMoney, formatQuantity, parseMoney, parseMoneyOrNull } from '../../data/money'
import { usePersona } from '../../data/persona'
import { readPosition } from '../../data/positions'
import { useBalance, useMarket, useShownBalance } from '../../data/queries'
import { Avatar } from '../../parts/Avatar'
import { Empty, Failed, Money, Panel, Skeleton, StaleAge, useNarrow } from '../../parts/basics'
import { shares, worthFromServer, worthFromTrades, type Worth } from './worth'

function useWorth(userId: string | undefined) {
  const portfolio = useQuery({
    queryKey: ['portfolio', userId],
    queryFn: () => api.portfolio(userId!),
    enabled: userId !== undefined,
    refetchInterval: (query) => (isMissing(query.state.error) ? false : 15_000),
  })
  const missing = isMissing(portfolio.error)
  const balance = useBalance(userId)
  const market = useMarket()
  const position = useQuery({
    queryKey: ['portfolio', userId, 'from trades'],
    queryFn: () => readPosition(userId!),
    enabled: userId !== undefined && missing,
  })
  let worth: Worth | null = null
  let error: Error | null = null
  if (portfolio.data) worth = worthFromServer(portfolio.data)
  else if (missing) {
    if (balance.data && position.data) {
      worth = worthFromTrades(
        parseMoney(balance.data.currentBalance),
        position.data,
        market.data?.market ?? 'TULIP',
        parseMoneyOrNull(market.data?.lastPrice),
      )
    }
    error = balance.data ? position.error : balance.error
  } else error = portfolio.error
  return {
    worth,
    error: worth ? null : error,
    tooLong: missing && position.data === null,
    failed: missing ? balance.isError || position.isError : portfolio.isError,
    readAt: missing ? Math.min(balance.dataUpdatedAt || Infinity, position.dataUpdatedAt || Infinity) : portfolio.dataUpdatedAt,
    trades: position.data?.trades,
    again: () => void (missing ? position.refetch() : portfolio.refetch()),
  }
}

export default function Portfolio() {
  const narrow = useNarrow()
  const { active } = usePersona()
  const shown = useShownBalance(active?.userId)
  const { balance } = shown
  const { worth, error, tooLong, failed, readAt, trades, again } = useWorth(active?.userId)
  const stale = failed || shown.stale
  const parts = worth ? shares(worth) : null
  const asOf = Math.min(readAt, shown.asOf ?? Infinity)
  const known = Number.isFinite(asOf) && asOf > 0 ? asOf : null
  return (
    <div className="screen">
      <h1 className="title">Portfolio</h1>
      <BalanceBanner />
      <Panel
        title="Portfolio overview"
        asOf={known}
        failed={stale}
        className={stale ? 'greyed' : undefined}
        note={
          active ? (
            <span className="with-avatar">
              <Avatar name={active.displayName} url={active.avatarUrl} size={20} /> {active.displayName}
            </span>
          ) : undefined
        }
      >
        {worth ? (
          <div className="panel-pad">
            <div className="worth">
              <div>
                <p className="stat-label">Total value</p>
                <p className="worth-total">{worth.total === null ? 'No price yet' : <Money cents={worth.total} />}</p>
                {stale ? <StaleAge asOf={known} failed /> : null}
              </div>
              <div>
                <p className="stat-label">Holdings</p>
                <p className="worth-part">{worth.holdings === null ? '–' : <Money cents={worth.holdings} />}</p>
              </div>
              <div>
                <p className="stat-label">Cash</p>
                <p className="worth-part">
                  <Money cents={worth.cash} />
                </p>
              </div>
            </div>
            {parts ? (
              <figure className="allocation">
                <div
                  className="allocation-bar"
                  role="img"
                  aria-label={`Cash ${parts.cash} percent, positions ${parts.positions} percent`}
                  data-testid="allocation"
                >
                  <span className="allocation-cash" style={{ width: `${parts.cashWidth}%` }} />
                  <span className="allocation-positions" style={{ width: `${100 - parts.cashWidth}%` }} />
                </div>
                <figcaption className="allocation-legend">
                  <span>
                    <i className="swatch swatch-cash" aria-hidden="true" /> Cash <b>{parts.cash} %</b>
                  </span>
                  <span>
                    <i className="swatch swatch-positions" aria-hidden="true" /> Positions <b>{parts.positions} %</b>
                  </span>
                </figcaption>
              </figure>
            ) : worth.total !== null ? (
              <p className="note">Shares of cash and positions say nothing while the total is not above zero.</p>
            ) : null}
          </div>
        ) : tooLong ? (
          <Empty icon="portfolio" title="The portfolio: not available on this server yet.">
            There are too many trades to work it out here.
          </Empty>
        ) : error ? (
          <Failed what="The portfolio cannot be read." why={explain(error)} onRetry={again} />
        ) : (
          <div className="panel-pad" aria-busy="true">
            <Skeleton height={28} width={180} />
            <Skeleton height={12} width="100%" />
          </div>
        )}
      </Panel>
      <Panel
        title="Positions"
        asOf={known}
        failed={stale}
        className={stale ? 'greyed' : undefined}
        note={worth?.derived ? `worked out here from ${trades ?? 0} trades` : undefined}
      >
        {worth ? (
          worth.lines.length === 0 ? (
            <Empty icon="portfolio" title="No position.">
              Buy something, and it appears here.
            </Empty>
          ) : (
            <div className="scroll-x" tabIndex={0} role="region" aria-label="All positions">
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Market</th>
                    <th scope="col" className="number">
                      Quantity
                    </th>
                    {narrow ? null : (
                      <>
                        <th scope="col" className="number">
                          Average price
                        </th>
                        <th scope="col" className="number">
                          Last price
                        </th>
                      </>
                    )}
                    <th scope="col" className="number">
                      Value
                    </th>
                    <th scope="col" className="number">
                      Unrealized
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {worth.lines.map((line) => (
                    <tr key={line.market}>
                      <td>
                        <strong>{line.market}</strong>
                        {line.quantity < 0 ? <span className="note"> short</span> : null}
                      </td>
                      <td className="number">
                        {line.quantity < 0 ? `−${formatQuantity(-line.quantity)}` : formatQuantity(line.quantity)}
                        {narrow && line.averageCents !== null ? (
                          <span className="note block">avg {formatMoney(line.averageCents)}</span>
                        ) : null}
                      </td>
                      {narrow ? null : (
                        <>
                          <td className="number">{line.averageCents === null ? '–' : formatMoney(line.averageCents)}</td>
                          <td className="number">{line.lastCents === null ? '–' : formatMoney(line.lastCents)}</td>
                        </>
                      )}
                      <td className="number">
                        {line.valueCents === null ? '–' : formatMoney(line.valueCents)}
                        {narrow && line.lastCents !== null ? <span className="note block">last {formatMoney(line.lastCents)}</span> : null}
                      </td>
                      <td className="number">{line.gainCents === null ? '–' : <Money cents={line.gainCents} movement unit={false} />}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        ) : error || tooLong ? (
          <Empty icon="portfolio" title="The positions are not known right now." />
        ) : (
          <div className="panel-pad" aria-busy="true">
            <Skeleton lines={2} />
          </div>
        )}
      </Panel>
      <Panel title="Cash movements" asOf={shown.asOf} failed={stale} className={stale ? 'greyed' : undefined} note="the last ten">
        {balance.data ? (
          <LedgerTable ledger={balance.data.ledger} />
        ) : balance.isError ? (
          <Failed what="The cash movements cannot be read." why={explain(balance.error)} onRetry={() => void balance.refetch()} />
        ) : (
          <div className="panel-pad" aria-busy="true">
            <Skeleton lines={4} />
          </div>
        )}
      </Panel>
    </div>
  )
}
