import type { CueId } from '../../data/types'

export const CUES: { id: CueId; name: string; what: string }[] = [
  { id: 'az-blip', name: 'AZ blip', what: 'A part is being restarted; rows stand still for a moment.' },
  { id: 'region-outage', name: 'Region outage', what: 'Orders are queued and retried; the book is dimmed.' },
  { id: 'partition-reconcile', name: 'Partition', what: 'Regions disagree; divergent trades are orange until reconciled.' },
  { id: 'backpressure', name: 'Backpressure', what: 'More orders wait than are filled; new ones may be refused.' },
  { id: 'time-to-accept', name: 'Slow to accept', what: 'Orders take longer than usual to be accepted.' },
  { id: 'balance-unavailable', name: 'Balance unavailable', what: 'Nobody settles right now; the last balances are shown.' },
]

export const INVARIANTS: Record<string, string> = {
  I1: 'One ledger entry per accepted order, and none else',
  I2: 'Each balance is the sum of its ledger',
  I3: 'No order is filled beyond its quantity',
  I4: 'Every stream’s sequence is without holes',
  I5: 'Every trade’s orders exist',
  I6: 'No idempotency key was used twice',
  I7: 'A replay gives what is stored',
  I8: 'Nothing is stuck in the outbox',
  I9: 'Regions are equal after healing',
  I10: 'All movements add up to zero',
}
