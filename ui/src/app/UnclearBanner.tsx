// Orders that were sent and never clearly answered. They are shown on every screen until their outcome is known: sending again with
// the same key is safe, and that is what the button does.
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { forget, lookUp, sendAttempt, useUnresolved, type Attempt } from '../data/attempts'
import { explain } from '../data/client'
import { useFeed, useLive } from '../data/live'
import { formatMoney, parseMoney } from '../data/money'
import { Age, Banner } from '../parts/basics'
import { Icon } from '../parts/Icon'
import { useToast } from '../parts/toasts'

export function describe(attempt: Pick<Attempt, 'side' | 'quantity' | 'price' | 'displayName'>): string {
  return `${attempt.side === 'BUY' ? 'Buy' : 'Sell'} ${attempt.quantity} at ${formatMoney(parseMoney(attempt.price))} as ${attempt.displayName}`
}

export function UnclearBanner() {
  const attempts = useUnresolved()
  return (
    <>
      {attempts.map((attempt) => (
        <UnclearOrder key={attempt.idempotencyKey} attempt={attempt} />
      ))}
    </>
  )
}

function UnclearOrder({ attempt }: { attempt: Attempt }) {
  const live = useLive()
  const queries = useQueryClient()
  const toast = useToast()
  const feed = useFeed()
  const [busy, setBusy] = useState(false)
  const [finding, setFinding] = useState<string | null>(null)
  const [leaving, setLeaving] = useState(false)

  const arrived = useCallback(
    (order: Parameters<typeof live.orders.put>[0][number], words: string) => {
      live.orders.put([order])
      void queries.invalidateQueries({ queryKey: ['balance', attempt.userId] })
      toast({ tone: 'good', text: words })
    },
    [live, queries, toast, attempt.userId],
  )

  const check = useCallback(async () => {
    const found = await lookUp(attempt)
    if (found?.known) arrived(found.order, `It had arrived: order ${found.order.orderId}.`)
    else setFinding(found ? 'So far it is not on the server.' : null)
  }, [attempt, arrived])

  // Ask once, as soon as the server can be heard: very often the order is simply there.
  const asked = useRef(false)
  useEffect(() => {
    if (feed.phase !== 'live' || asked.current) return
    asked.current = true
    void check().catch(() => {})
  }, [feed.phase, check])

  const retry = async () => {
    setBusy(true)
    const outcome = await sendAttempt(attempt)
    if (outcome.kind === 'accepted') {
      arrived(
        outcome.order,
        outcome.replayed
          ? `It had arrived the first time: order ${outcome.order.orderId}.`
          : `Order ${outcome.order.orderId} accepted for filling.`,
      )
      return
    }
    setBusy(false)
    if (outcome.kind === 'refused') toast({ tone: 'bad', text: `Refused: ${explain(outcome.problem)}` })
    else setFinding('Still no clear answer.')
  }

  return (
    <Banner
      tone="warning"
      icon="warning"
      role="alert"
      title={`Unclear: ${describe(attempt)}.`}
      actions={
        leaving ? (
          <>
            <span>If it did arrive, it will be filled.</span>
            <button type="button" className="button" onClick={() => forget(attempt.idempotencyKey)}>
              Stop asking
            </button>
            <button type="button" className="button" onClick={() => setLeaving(false)}>
              Keep
            </button>
          </>
        ) : (
          <>
            <button type="button" className="button button-primary" onClick={() => void retry()} disabled={busy}>
              <Icon name="retry" /> {busy ? 'Sending…' : 'Retry safely'}
            </button>
            <button type="button" className="button" onClick={() => void check().catch(() => {})} disabled={busy}>
              Look again
            </button>
            <button type="button" className="button" onClick={() => setLeaving(true)} disabled={busy}>
              Discard
            </button>
          </>
        )
      }
    >
      {attempt.reason ?? 'No answer came.'} {finding} A retry uses the same key: it can never become two orders.{' '}
      <Age at={attempt.startedAt} prefix="Sent " />
    </Banner>
  )
}
