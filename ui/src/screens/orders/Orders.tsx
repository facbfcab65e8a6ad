import { useCallback, useMemo, useState } from 'react'
import { useSearchParams } from 'react-router'
import { BalanceBanner } from '../../app/BalanceWidget'
import { api } from '../../data/api'
import { explain } from '../../data/client'
import { useOrderPages } from '../../data/orderPages'
import { usePersona } from '../../data/persona'
import type { Order } from '../../data/types'
import { Panel } from '../../parts/basics'
import { Dialog } from '../../parts/Dialog'
import { Icon } from '../../parts/Icon'
import { useToast } from '../../parts/toasts'
import { download, readCsv } from './csv'
import { OrderDialog } from './OrderDialog'
import { OrderTable } from './OrderTable'
import { Ticket } from './Ticket'

const STATUSES = ['PENDING', 'ACCEPTED', 'CANCELLED', 'REJECTED']

export default function Orders() {
  const { personas, active } = usePersona()
  const toast = useToast()
  const [search, setSearch] = useSearchParams()
  const userId = search.get('userId') ?? ''
  const status = STATUSES.includes(search.get('status') ?? '') ? search.get('status')! : ''
  const side = ['BUY', 'SELL'].includes(search.get('side') ?? '') ? search.get('side')! : ''
  const filter = useMemo(
    () => ({ userId: userId || undefined, status: status || undefined, side: side || undefined }),
    [userId, status, side],
  )
  const pages = useOrderPages(filter)
  const [open, setOpen] = useState<string | null>(null)
  const [csvRows, setCsvRows] = useState<number | null>(null)
  const [asking, setAsking] = useState(false)

  const choose = (name: string, value: string) =>
    setSearch(
      (old) => {
        const next = new URLSearchParams(old)
        if (value) next.set(name, value)
        else next.delete(name)
        return next
      },
      { replace: true },
    )
  const show = useCallback((order: Order) => setOpen(order.orderId), [])

  const saveCsv = async () => {
    setCsvRows(0)
    try {
      const csv = await readCsv(filter, setCsvRows)
      download(csv.text, 'tulipbroker-orders.csv')
      if (!csv.complete) toast({ tone: 'warning', text: 'The file holds the newest 100,000 orders, not all.' })
    } catch (error) {
      toast({ tone: 'bad', text: `No CSV: ${explain(error)}` })
    } finally {
      setCsvRows(null)
    }
  }

  const cancelAll = async () => {
    setAsking(false)
    if (!active) return
    try {
      const { value } = await api.cancelAll(active.userId)
      toast({ tone: 'info', text: value.cancelled === 1 ? 'One open order cancelled.' : `${value.cancelled} open orders cancelled.` })
    } catch (error) {
      toast({ tone: 'bad', text: `Not cancelled: ${explain(error)}` })
    }
  }

  return (
    <div className="screen screen-orders">
      <h1 className="title">Orders</h1>
      <BalanceBanner />
      <div className="grid grid-orders">
        <Ticket />
        <Panel
          title="Orders"
          asOf={pages.readAt}
          className="panel-fill panel-orders"
          actions={
            <div className="filters">
              <select
                className="input input-small"
                aria-label="Persona"
                value={userId}
                onChange={(event) => choose('userId', event.target.value)}
              >
                <option value="">Everybody</option>
                {personas.map((persona) => (
                  <option key={persona.userId} value={persona.userId}>
                    {persona.displayName}
                  </option>
                ))}
              </select>
              <select
                className="input input-small"
                aria-label="Status"
                value={status}
                onChange={(event) => choose('status', event.target.value)}
              >
                <option value="">Any status</option>
                <option value="PENDING">Pending</option>
                <option value="ACCEPTED">Accepted</option>
                <option value="CANCELLED">Cancelled</option>
                <option value="REJECTED">Rejected</option>
              </select>
              <select
                className="input input-small"
                aria-label="Side filter"
                value={side}
                onChange={(event) => choose('side', event.target.value)}
              >
                <option value="">Both sides</option>
                <option value="BUY">Buy</option>
                <option value="SELL">Sell</option>
              </select>
              <button type="button" className="button button-small" onClick={() => setAsking(true)} disabled={!active}>
                Cancel open
              </button>
              <button type="button" className="button button-small" onClick={() => void saveCsv()} disabled={csvRows !== null}>
                <Icon name="download" size={14} /> {csvRows === null ? 'CSV' : csvRows.toLocaleString('en-GB')}
              </button>
            </div>
          }
        >
          <OrderTable pages={pages} filtered={Boolean(userId || status || side)} onOpen={show} />
        </Panel>
      </div>
      {open !== null ? <OrderDialog orderId={open} onClose={() => setOpen(null)} /> : null}
      {asking && active ? (
        <Dialog
          title="Cancel all open orders?"
          onClose={() => setAsking(false)}
          footer={
            <>
              <button type="button" className="button" onClick={() => setAsking(false)}>
                Keep them
              </button>
              <button type="button" className="button button-sell" onClick={() => void cancelAll()}>
                Cancel open orders
              </button>
            </>
          }
        >
          <p>Every order of {active.displayName} that is not final yet. What has been filled stays filled.</p>
        </Dialog>
      ) : null}
    </div>
  )
}
