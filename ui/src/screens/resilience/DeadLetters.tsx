import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../data/api'
import { explain } from '../../data/client'
import { formatMoney, parseMoney } from '../../data/money'
import { useDeadLetters, usePersonaMap } from '../../data/queries'
import type { DeadLetter } from '../../data/types'
import { Age, Empty, Failed, Panel, Skeleton } from '../../parts/basics'
import { Dialog } from '../../parts/Dialog'
import { Icon } from '../../parts/Icon'
import { useToast } from '../../parts/toasts'
import { useAdmin } from './admin'

export function DeadLetters() {
  const letters = useDeadLetters()
  const personas = usePersonaMap()
  const queries = useQueryClient()
  const toast = useToast()
  const admin = useAdmin()
  const [busy, setBusy] = useState<string | null>(null)
  const [discarding, setDiscarding] = useState<DeadLetter | null>(null)

  const act = async (letter: DeadLetter, work: () => Promise<unknown>, done: string) => {
    setBusy(letter.dlqId)
    try {
      await admin.run(async () => {
        await work()
        toast({ tone: 'info', text: done })
      })
      await queries.invalidateQueries({ queryKey: ['dlq'] })
    } catch (error) {
      toast({ tone: 'bad', text: `${letter.dlqId}: ${explain(error)}` })
    } finally {
      setBusy(null)
    }
  }

  return (
    <Panel
      title="Dead letters"
      asOf={letters.dataUpdatedAt || null}
      failed={letters.isError}
      note={letters.data ? `${letters.data.depth} waiting` : undefined}
    >
      {letters.data ? (
        letters.data.items.length === 0 ? (
          <Empty title="Nothing was put aside.">A cash movement that keeps failing waits here, and the others go on.</Empty>
        ) : (
          <ul className="rows">
            {letters.data.items.map((letter) => (
              <li key={letter.dlqId}>
                <span className="rows-text">
                  <strong>
                    {typeof letter.payload.delta === 'string'
                      ? `fl ${formatMoney(parseMoney(letter.payload.delta), { signed: true })}`
                      : letter.type}
                  </strong>{' '}
                  for {personas.get(letter.userId)?.displayName ?? letter.userId}, order{' '}
                  <span className="mono">{letter.orderId ?? '–'}</span>
                  <span className="note block">
                    {letter.lastError} · {letter.attempts} attempts · first failed <Age at={letter.firstFailedAt} />
                  </span>
                </span>
                <span className="rows-actions">
                  <button
                    type="button"
                    className="button button-small"
                    disabled={busy === letter.dlqId}
                    aria-label={`Redrive ${letter.dlqId}`}
                    onClick={() => void act(letter, () => api.redrive(letter.dlqId), `${letter.dlqId} is tried again.`)}
                  >
                    <Icon name="retry" size={14} /> Redrive
                  </button>
                  <button
                    type="button"
                    className="icon-button"
                    disabled={busy === letter.dlqId}
                    title="Discard"
                    aria-label={`Discard ${letter.dlqId}`}
                    onClick={() => setDiscarding(letter)}
                  >
                    <Icon name="trash" />
                  </button>
                </span>
              </li>
            ))}
          </ul>
        )
      ) : letters.isError ? (
        <Failed what="The dead letters cannot be read." why={explain(letters.error)} onRetry={() => void letters.refetch()} />
      ) : (
        <div className="panel-pad">
          <Skeleton lines={2} />
        </div>
      )}
      {discarding ? (
        <Dialog
          title={`Discard dead letter ${discarding.dlqId}?`}
          onClose={() => setDiscarding(null)}
          footer={
            <>
              <button type="button" className="button" onClick={() => setDiscarding(null)}>
                Keep it
              </button>
              <button
                type="button"
                className="button button-sell"
                onClick={() => {
                  const letter = discarding
                  setDiscarding(null)
                  void act(letter, () => api.discard(letter.dlqId), `${letter.dlqId} was discarded; that is on record.`)
                }}
              >
                Discard
              </button>
            </>
          }
        >
          <p>
            Its cash will never move: the balance stays without this order, and the audit will say so. A redrive is nearly always better.
          </p>
        </Dialog>
      ) : null}
      {admin.dialog}
    </Panel>
  )
}
