// The order ticket. Every submit makes one attempt with one idempotency key (data/attempts.ts); after an unclear failure "Retry safely"
// sends that very attempt again. A plain Enter submits what was just typed, once; to send the same again takes Ctrl + Enter or the button.
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { sendAttempt, startAttempt } from '../../data/attempts'
import { explain } from '../../data/client'
import { useLive } from '../../data/live'
import { formatMoney, moneyText, parseMoney, parseMoneyOrNull, parsePrice, parseQuantity } from '../../data/money'
import { usePersona } from '../../data/persona'
import { usePreferences } from '../../data/preferences'
import { useMarket, useShownBalance } from '../../data/queries'
import type { Side } from '../../data/types'
import { Avatar } from '../../parts/Avatar'
import { Money, OrderChip, Panel, Segmented, Skeleton, StaleAge } from '../../parts/basics'
import { Icon } from '../../parts/Icon'
import { useToast } from '../../parts/toasts'
import { useTicketKeys } from './hotkeys'

const SEEDS = [
  { value: '', label: 'As usual' },
  { value: 'partial:3', label: 'In three trades' },
  { value: 'slow:5000', label: 'After five seconds' },
  { value: 'hang', label: 'Never (until cancelled)' },
  { value: 'cancel', label: 'Cancelled by the market' },
  { value: 'poison-balance', label: 'Its cash movement fails' },
  { value: 'dup:3', label: 'Its cash movement arrives three times' },
]
/** The second half of a double click is not a second order. */
const SETTLE_MS = 700

export function Ticket() {
  const { active } = usePersona()
  const live = useLive()
  const queries = useQueryClient()
  const toast = useToast()
  const { singleKeys } = usePreferences()
  const market = useMarket()
  const shown = useShownBalance(active?.userId)
  const { balance } = shown
  const [side, setSide] = useState<Side>('BUY')
  const [quantity, setQuantity] = useState('')
  const [price, setPrice] = useState('')
  const [seed, setSeed] = useState('')
  const [touched, setTouched] = useState({ quantity: false, price: false })
  const [refused, setRefused] = useState<Record<string, string>>({})
  const [busy, setBusy] = useState(false)
  const [placed, setPlaced] = useState<{ orderId: string; short: boolean; replayed: boolean } | null>(null)
  const busyRef = useRef(false)
  const sentAt = useRef(0)
  /** Whether a plain Enter may submit: something was typed since the last submit. */
  const armed = useRef(true)
  const quantityField = useRef<HTMLInputElement>(null)
  const priceField = useRef<HTMLInputElement>(null)

  const q = parseQuantity(quantity)
  const p = parsePrice(price)
  const notional = q.ok && p.ok ? p.value * BigInt(q.value) : null
  const settled = balance.data ? parseMoney(balance.data.currentBalance) + (parseMoneyOrNull(balance.data.pendingDelta) ?? 0n) : null
  const after = notional !== null && settled !== null ? (side === 'BUY' ? settled - notional : settled + notional) : null
  const edited = () => {
    armed.current = true
    setRefused({})
  }

  const submit = useCallback(async () => {
    if (busyRef.current || !active) return
    setTouched({ quantity: true, price: true })
    if (!q.ok) return quantityField.current?.focus()
    if (!p.ok) return priceField.current?.focus()
    busyRef.current = true
    armed.current = false
    setBusy(true)
    setRefused({})
    setPlaced(null)
    const attempt = startAttempt(active, { side, quantity: q.value, price: moneyText(p.value), ...(seed ? { simulationSeed: seed } : {}) })
    const outcome = await sendAttempt(attempt)
    busyRef.current = false
    sentAt.current = Date.now()
    setBusy(false)
    if (outcome.kind === 'accepted') {
      live.orders.put([outcome.order])
      setPlaced({
        orderId: outcome.order.orderId,
        short: outcome.order.warnings?.some((warning) => warning.code === 'INSUFFICIENT_FUNDS') ?? false,
        replayed: outcome.replayed,
      })
      void queries.invalidateQueries({ queryKey: ['balance', active.userId] })
    } else if (outcome.kind === 'refused') {
      armed.current = true
      const fields = Object.fromEntries(outcome.problem.errors.map((error) => [error.field, error.message]))
      setRefused(Object.keys(fields).length > 0 ? fields : { form: explain(outcome.problem) })
      if (fields.userId) void queries.invalidateQueries({ queryKey: ['personas'] })
    } else {
      // UnclearBanner takes over: it offers the same key again.
      toast({ tone: 'warning', text: 'No clear answer. The order is kept; “Retry safely” sends the same one.' })
    }
  }, [active, q, p, side, seed, live, queries, toast])

  const choose = useCallback((next: Side) => {
    setSide(next)
    armed.current = true
    quantityField.current?.focus()
    quantityField.current?.select()
  }, [])
  useTicketKeys({ buy: () => choose('BUY'), sell: () => choose('SELL'), submit: () => void submit() }, singleKeys)

  const keys = (event: React.KeyboardEvent, field: 'quantity' | 'price') => {
    if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) return enter(event)
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return
    event.preventDefault()
    const up = event.key === 'ArrowUp'
    edited()
    if (field === 'quantity') {
      const next = (q.ok ? q.value : 0) + (up ? 1 : -1) * (event.shiftKey ? 10 : 1)
      setQuantity(String(Math.min(1_000_000, Math.max(1, next))))
    } else {
      const from = p.ok ? p.value : (parseMoneyOrNull(market.data?.lastPrice) ?? 0n)
      const next = from + (up ? 1n : -1n) * (event.shiftKey ? 100n : 10n)
      setPrice(moneyText(next < 1n ? 1n : next))
    }
  }

  const enter = (event: React.KeyboardEvent) => {
    event.preventDefault()
    if (!event.repeat && armed.current) void submit()
  }

  const quantityError = (touched.quantity && !q.ok ? q.message : undefined) ?? refused.quantity ?? refused.qty
  const priceError = (touched.price && !p.ok ? p.message : undefined) ?? refused.price
  const otherError =
    refused.form ??
    Object.entries(refused)
      .find(([field]) => !['quantity', 'qty', 'price', 'form'].includes(field))
      ?.join(' ')
  const last = market.data?.lastPrice ?? null

  return (
    <Panel title="Order ticket" className={`ticket ticket-${side === 'BUY' ? 'buy' : 'sell'}`}>
      <form className="ticket-form" onSubmit={(event) => event.preventDefault()} noValidate aria-label="Order ticket">
        <Segmented
          label="Side"
          value={side}
          onChange={(next) => {
            setSide(next)
            edited()
          }}
          options={[
            { value: 'BUY', tone: 'good', label: <>Buy {singleKeys ? <kbd>B</kbd> : null}</> },
            { value: 'SELL', tone: 'bad', label: <>Sell {singleKeys ? <kbd>S</kbd> : null}</> },
          ]}
        />
        <div className="field">
          <label htmlFor="ticket-quantity">Quantity</label>
          <input
            id="ticket-quantity"
            ref={quantityField}
            className="input input-number"
            inputMode="numeric"
            autoComplete="off"
            data-numbers=""
            placeholder="10"
            value={quantity}
            aria-invalid={quantityError !== undefined}
            aria-describedby={quantityError ? 'ticket-quantity-error' : undefined}
            onChange={(event) => {
              setQuantity(event.target.value)
              edited()
            }}
            onBlur={() => setTouched((old) => ({ ...old, quantity: old.quantity || quantity !== '' }))}
            onKeyDown={(event) => keys(event, 'quantity')}
          />
          {quantityError ? (
            <p className="field-error" id="ticket-quantity-error">
              {quantityError}
            </p>
          ) : null}
        </div>
        <div className="field">
          <span className="field-head">
            <label htmlFor="ticket-price">Price, fl</label>
            {last !== null ? (
              <button
                type="button"
                className="link"
                onClick={() => {
                  setPrice(last)
                  edited()
                  priceField.current?.focus()
                }}
              >
                Last {formatMoney(parseMoney(last))}
              </button>
            ) : null}
          </span>
          <input
            id="ticket-price"
            ref={priceField}
            className="input input-number"
            inputMode="decimal"
            autoComplete="off"
            data-numbers=""
            placeholder={last ?? '124.20'}
            value={price}
            aria-invalid={priceError !== undefined}
            aria-describedby={priceError ? 'ticket-price-error' : undefined}
            onChange={(event) => {
              setPrice(event.target.value)
              edited()
            }}
            onBlur={() => setTouched((old) => ({ ...old, price: old.price || price !== '' }))}
            onKeyDown={(event) => keys(event, 'price')}
          />
          {priceError ? (
            <p className="field-error" id="ticket-price-error">
              {priceError}
            </p>
          ) : null}
        </div>
        <dl className="ticket-sums">
          <div>
            <dt>Notional</dt>
            <dd>{notional === null ? '–' : <Money cents={notional} />}</dd>
          </div>
          <div>
            <dt>
              Balance after <StaleAge asOf={shown.asOf} failed={shown.stale} />
            </dt>
            <dd className={after !== null && after < 0n ? 'down' : undefined}>
              {balance.isPending ? (
                <Skeleton width={80} />
              ) : after !== null ? (
                <Money cents={after} />
              ) : settled !== null ? (
                <Money cents={settled} />
              ) : (
                '–'
              )}
            </dd>
          </div>
        </dl>
        {after !== null && after < 0n ? (
          <p className="ticket-note">
            <Icon name="warning" size={14} /> This would take the balance below zero. It is allowed here.
          </p>
        ) : null}
        {market.data?.mode === 'SIMFILL' ? (
          <details className="ticket-more">
            <summary>Simulated fill</summary>
            <div className="field">
              <label htmlFor="ticket-seed">How it is filled</label>
              <select
                id="ticket-seed"
                className="input"
                value={seed}
                onChange={(event) => {
                  setSeed(event.target.value)
                  edited()
                }}
              >
                {SEEDS.map((one) => (
                  <option key={one.value} value={one.value}>
                    {one.label}
                  </option>
                ))}
              </select>
            </div>
          </details>
        ) : null}
        {otherError ? (
          <p className="field-error" role="alert">
            {otherError}
          </p>
        ) : null}
        <button
          // Not a submit button: Enter on it would be a click, and a held key a row of orders.
          type="button"
          className={`button button-big ${side === 'BUY' ? 'button-buy' : 'button-sell'}`}
          disabled={busy || !active}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) enter(event)
          }}
          onClick={() => {
            if (Date.now() - sentAt.current >= SETTLE_MS) void submit()
          }}
        >
          {busy ? 'Sending…' : `${side === 'BUY' ? 'Buy' : 'Sell'}${q.ok ? ` ${q.value}` : ''}${p.ok ? ` at ${formatMoney(p.value)}` : ''}`}
        </button>
        <p className="ticket-hint">
          {active ? (
            <span className="ticket-as">
              <Avatar name={active.displayName} url={active.avatarUrl} size={20} /> as {active.displayName}
            </span>
          ) : null}
          <span className="ticket-keys">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd>
          </span>
        </p>
        <div className="ticket-result" aria-live="polite">
          {placed ? <Placed {...placed} /> : null}
        </div>
      </form>
    </Panel>
  )
}

/** What became of the order just sent, as the feed tells it. */
function Placed({ orderId, short, replayed }: { orderId: string; short: boolean; replayed: boolean }) {
  const live = useLive()
  const order = useSyncExternalStore(live.orders.subscribe, () => live.orders.get(orderId))
  const [shown, setShown] = useState(order)
  useEffect(() => {
    if (order) setShown(order)
  }, [order])
  const now = order ?? shown
  if (!now) return null
  return (
    <div className="placed">
      <p>
        Order <span className="mono">{orderId}</span>
        {replayed ? ' was there already' : ''} <OrderChip order={now} />
      </p>
      {short ? <p className="ticket-note">Once everything settles the balance is below zero.</p> : null}
    </div>
  )
}
