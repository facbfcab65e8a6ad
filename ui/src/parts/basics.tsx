// Small pieces that every screen is made of.
import { useEffect, useId, useState, type ReactNode } from 'react'
import { useFeed } from '../data/live'
import { formatMoney, type Cents } from '../data/money'
import { ageText, fullTimeText, useNow } from '../data/time'
import type { Order, Side } from '../data/types'
import { Icon, type IconName } from './Icon'

export function Panel(props: {
  title: string
  /** When what is shown was read (this machine's clock): shown as an age whenever that may be old. */
  asOf?: number | null
  /** Reading it again failed: the age shows in any case. */
  failed?: boolean
  actions?: ReactNode
  note?: ReactNode
  className?: string
  children: ReactNode
  /** Heading level: 2 unless the panel lies in another. */
  level?: 2 | 3
  id?: string
}) {
  const Heading = props.level === 3 ? 'h3' : 'h2'
  return (
    <section className={`panel ${props.className ?? ''}`} aria-label={props.title} id={props.id}>
      <header className="panel-head">
        <Heading className="panel-title">{props.title}</Heading>
        {props.note ? <span className="panel-note">{props.note}</span> : null}
        <StaleAge asOf={props.asOf} failed={props.failed} />
        {props.actions ? <div className="panel-actions">{props.actions}</div> : null}
      </header>
      {props.children}
    </section>
  )
}

/** "as of 12 s ago". A number needs no age while the feed keeps it current; it shows one when the feed is late, or when reading it
 * again failed. */
export function StaleAge({ asOf, failed = false }: { asOf: number | null | undefined; failed?: boolean }) {
  const now = useNow()
  const feed = useFeed()
  if (!asOf) return null
  const late = feed.phase === 'late' || feed.phase === 'down'
  if (!late && !failed) return null
  // Until the feed was last heard of it kept the number right.
  const right = failed ? asOf : Math.max(asOf, feed.heardAt ?? asOf)
  // Not announced: it changes every second.
  return (
    <span className="stale-age" aria-live="off">
      as of {ageText(now - right)} ago
    </span>
  )
}

/** "12 s ago"; with `lasting` only "12 s", for what goes on. */
export function Age({ at, prefix = '', lasting = false }: { at: string | number; prefix?: string; lasting?: boolean }) {
  const now = useNow()
  const time = typeof at === 'number' ? at : Date.parse(at)
  if (Number.isNaN(time)) return null
  return (
    <time dateTime={new Date(time).toISOString()} title={fullTimeText(new Date(time).toISOString())} aria-live="off">
      {prefix}
      {ageText(now - time)}
      {lasting ? '' : ' ago'}
    </time>
  )
}

/** "fl 1,242.00"; coloured and signed when it is a movement. */
export function Money({ cents, movement = false, unit = true }: { cents: Cents; movement?: boolean; unit?: boolean }) {
  const text = formatMoney(cents, { signed: movement })
  const tone = movement ? (cents > 0n ? ' up' : cents < 0n ? ' down' : '') : ''
  return (
    <span className={`money${tone}`}>
      {movement && cents !== 0n ? <Icon name={cents > 0n ? 'up' : 'down'} size={11} /> : null}
      {unit ? <span className="unit">fl </span> : null}
      {text}
    </span>
  )
}

export function SideMark({ side }: { side: Side }) {
  return (
    <span className={side === 'BUY' ? 'side up' : 'side down'}>
      <Icon name={side === 'BUY' ? 'up' : 'down'} size={12} />
      {side === 'BUY' ? 'Buy' : 'Sell'}
    </span>
  )
}

export type Tone = 'plain' | 'good' | 'bad' | 'warning' | 'info' | 'divergent'

export function Chip({ tone = 'plain', icon, children, title }: { tone?: Tone; icon?: IconName; children: ReactNode; title?: string }) {
  return (
    <span className={`chip chip-${tone}`} title={title}>
      {icon ? <Icon name={icon} size={12} /> : null}
      <span className="chip-text">{children}</span>
    </span>
  )
}

/** What an order is doing, in words; `retrying` while its region cannot be reached (cue region-outage). */
export function OrderChip({
  order,
  retrying,
}: {
  order: Pick<Order, 'status' | 'statusLabel' | 'pendingReason' | 'filledQuantity' | 'quantity'>
  retrying?: boolean
}) {
  switch (order.status) {
    case 'ACCEPTED':
      return order.filledQuantity < order.quantity ? (
        <Chip tone="good" icon="check" title="The rest was cancelled">
          Accepted in part
        </Chip>
      ) : (
        <Chip tone="good" icon="check">
          Accepted
        </Chip>
      )
    case 'CANCELLED':
      return <Chip icon="ban">Cancelled</Chip>
    case 'REJECTED':
      return (
        <Chip tone="bad" icon="close">
          Rejected
        </Chip>
      )
    case 'PENDING':
      if (retrying || order.pendingReason === 'QUEUED' || order.pendingReason === 'RETRYING') {
        return (
          <Chip tone="warning" icon="retry">
            Queued → retrying
          </Chip>
        )
      }
      return (
        <Chip tone="info" icon="clock">
          {order.statusLabel}
        </Chip>
      )
  }
}

export function Banner({
  tone,
  icon,
  title,
  children,
  actions,
  role = 'status',
}: {
  tone: Tone
  icon: IconName
  title: ReactNode
  children?: ReactNode
  actions?: ReactNode
  role?: 'status' | 'alert'
}) {
  return (
    <div className={`banner banner-${tone}`} role={role}>
      <Icon name={icon} />
      <div className="banner-text">
        <strong>{title}</strong>
        {children ? <span> {children}</span> : null}
      </div>
      {actions ? <div className="banner-actions">{actions}</div> : null}
    </div>
  )
}

export function Skeleton({ width, height = 12, lines = 1 }: { width?: number | string; height?: number; lines?: number }) {
  return (
    <span className="skeleton-block" aria-hidden="true">
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} className="skeleton" style={{ width: width ?? `${92 - ((i * 17) % 40)}%`, height }} />
      ))}
    </span>
  )
}

/** `value` once it is there, a skeleton before. */
export function Later({ ready, width = 72, children }: { ready: boolean; width?: number; children: ReactNode }) {
  return ready ? <>{children}</> : <Skeleton width={width} height={14} />
}

export function Empty({ icon, title, children, action }: { icon?: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      {icon ? (
        <span className="empty-icon">
          <Icon name={icon} size={20} />
        </span>
      ) : null}
      <p className="empty-title">{title}</p>
      {children ? <p className="empty-text">{children}</p> : null}
      {action}
    </div>
  )
}

export function Failed({ what, why, onRetry }: { what: string; why: string; onRetry?: () => void }) {
  return (
    <div className="empty" role="alert">
      <span className="empty-icon bad">
        <Icon name="warning" size={20} />
      </span>
      <p className="empty-title">{what}</p>
      <p className="empty-text">{why}</p>
      {onRetry ? (
        <button type="button" className="button" onClick={onRetry}>
          <Icon name="retry" /> Try again
        </button>
      ) : null}
    </div>
  )
}

export function NotHere({ what }: { what: string }) {
  return <Empty icon="info" title={`${what}: not available on this server yet.`} />
}

/** A choice of few, as a row of radio buttons. */
export function Segmented<T extends string>(props: {
  label: string
  value: T
  options: { value: T; label: ReactNode; tone?: Tone }[]
  onChange: (value: T) => void
}) {
  const name = useId()
  return (
    <fieldset className="segmented">
      <legend className="hidden">{props.label}</legend>
      {props.options.map((option) => (
        <label
          key={option.value}
          className={`segment segment-${option.tone ?? 'plain'}`}
          data-on={option.value === props.value || undefined}
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === props.value}
            onChange={() => props.onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  )
}

const FLASH_MS = 900

/** True for a moment after `at`, if that is not long ago. */
export function useFlash(at: number | undefined): boolean {
  const [on, setOn] = useState(() => at !== undefined && Date.now() - at < FLASH_MS)
  useEffect(() => {
    if (at === undefined) return
    const left = at + FLASH_MS - Date.now()
    if (left <= 0) return setOn(false)
    setOn(true)
    const timer = setTimeout(() => setOn(false), left)
    return () => clearTimeout(timer)
  }, [at])
  return on
}

export function useNarrow(): boolean {
  const query = '(max-width: 720px)'
  const [narrow, setNarrow] = useState(() => typeof matchMedia === 'function' && matchMedia(query).matches)
  useEffect(() => {
    if (typeof matchMedia !== 'function') return
    const media = matchMedia(query)
    const listen = () => setNarrow(media.matches)
    listen()
    media.addEventListener('change', listen)
    return () => media.removeEventListener('change', listen)
  }, [])
  return narrow
}
