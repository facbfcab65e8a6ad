// The six cues: what /api/status says is wrong, shown where it matters. Small trouble is a pill in the header, real trouble a banner.
import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'
import { useFeed } from '../data/live'
import { formatQuantity } from '../data/money'
import { useActiveCues, useStatus } from '../data/queries'
import { durationText } from '../data/time'
import type { Cue } from '../data/types'
import { Age, Banner } from '../parts/basics'
import { Icon } from '../parts/Icon'

export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

/** In the header: az-blip and time-to-accept, for they pass by themselves and stop nobody from working. */
export function CuePills() {
  const cues = useActiveCues()
  const blip = cues.find((cue) => cue.id === 'az-blip')
  const slow = cues.find((cue) => cue.id === 'time-to-accept')
  const p99 = slow ? number(slow.data.p99Ms) : null
  return (
    <>
      {blip ? (
        <span className="pill cue-pill" role="status" title={blip.message ?? undefined} data-cue="az-blip">
          <Icon name="retry" size={14} />
          <span className="pill-words">
            Blip{list(blip.data.missing).length > 0 ? ` · ${list(blip.data.missing).join(', ')} restarting` : ''}
            {blip.since ? (
              <>
                {' '}
                · <Age at={blip.since} lasting />
              </>
            ) : null}
          </span>
        </span>
      ) : null}
      {slow ? (
        <span className="pill cue-pill" role="status" title={slow.message ?? undefined} data-cue="time-to-accept">
          <Icon name="clock" size={14} />
          <span className="pill-words">{p99 === null ? 'Slow to accept' : `Accept p99 ${durationText(p99)}`}</span>
        </span>
      ) : null}
    </>
  )
}

/** How fast a served number falls, from the last readings; null while it does not fall. */
export function useDrainSeconds(backlog: number | null): number | null {
  const seen = useRef<{ at: number; value: number }[]>([])
  const [seconds, setSeconds] = useState<number | null>(null)
  const { dataUpdatedAt } = useStatus()
  useEffect(() => {
    if (backlog === null) {
      seen.current = []
      setSeconds(null)
      return
    }
    const readings = [...seen.current, { at: dataUpdatedAt, value: backlog }].slice(-6)
    seen.current = readings
    setSeconds(drainSeconds(readings))
  }, [backlog, dataUpdatedAt])
  return seconds
}

export function drainSeconds(readings: { at: number; value: number }[]): number | null {
  const first = readings[0]
  const last = readings[readings.length - 1]
  if (!first || !last || last.at <= first.at || last.value >= first.value) return null
  const perSecond = ((first.value - last.value) * 1000) / (last.at - first.at)
  return Math.ceil(last.value / perSecond)
}

function BackpressureBanner({ cue }: { cue: Cue }) {
  const backlog = number(cue.data.backlog)
  const waiting = Math.max(backlog ?? 0, number(cue.data.queueDepth) ?? 0)
  const served = number(cue.data.drainSeconds)
  const derived = useDrainSeconds(waiting)
  const drain = served ?? derived
  return (
    <Banner tone="warning" icon="warning" title="Backpressure." actions={<span data-cue="backpressure" />}>
      {cue.message} {formatQuantity(waiting)} waiting
      {drain !== null ? `, about ${durationText(drain * 1000)} to drain at the present rate.` : waiting > 0 ? ', not draining yet.' : '.'}
    </Banner>
  )
}

export function CueBanners() {
  const cues = useActiveCues()
  const status = useStatus()
  const feed = useFeed()
  const unknown = status.isError && feed.phase !== 'connecting'
  return (
    <div className="banners">
      {unknown ? (
        <Banner
          tone="bad"
          icon="warning"
          title={status.data ? 'The system’s state is unknown right now.' : 'The system cannot be reached.'}
        >
          {status.data ? (
            <>
              What is shown was last confirmed <Age at={status.dataUpdatedAt} />.
            </>
          ) : (
            'This page tries again by itself.'
          )}
        </Banner>
      ) : null}
      {cues.map((cue) => {
        switch (cue.id) {
          case 'region-outage':
            return (
              <Banner key={cue.id} tone="bad" icon="warning" title="Region outage." role="alert">
                {cue.message}
                {list(cue.data.missing).length > 0 ? ` Away: ${list(cue.data.missing).join(', ')}.` : ''}
                {cue.data.databaseUp === false ? ' The database does not answer.' : ''}{' '}
                {cue.since ? <Age at={cue.since} prefix="For " lasting /> : null}
              </Banner>
            )
          case 'partition-reconcile':
            return (
              <Banner
                key={cue.id}
                tone="divergent"
                icon="fork"
                title="Partition."
                actions={
                  <Link className="link" to="/resilience">
                    Reconcile panel
                  </Link>
                }
              >
                {cue.message}
              </Banner>
            )
          case 'backpressure':
            return <BackpressureBanner key={cue.id} cue={cue} />
          case 'balance-unavailable':
            return (
              <Banner key={cue.id} tone="warning" icon="warning" title="Balance unavailable.">
                {cue.message} {cue.since ? <Age at={cue.since} prefix="For " lasting /> : null}
              </Banner>
            )
          case 'az-blip':
          case 'time-to-accept':
            return null
        }
      })}
    </div>
  )
}
