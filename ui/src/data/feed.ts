// The feed: everything that happens on the server, in order, as it happens.
//
//   live stream   GET /api/stream (server-sent events) when the server has it: one connection.
//   polling       GET /api/events otherwise: long polls on `orders` and `executions`, a look at `balances` and `ops` every second.
//                 Two long polls and not four: a browser opens six connections to a host, shared by all its tabs.
//
// Whoever listens gets each event once and in the order of its stream, or `reset`: then read everything anew.
// The state is honest: `live` only while the server was heard of a moment ago.
import { api } from './api'
import { adminToken, explain } from './client'
import { EventStreamParser } from './eventStream'
import { FeedLag } from './feedLag'
import type { Envelope, Stream } from './types'

export type FeedPhase = 'connecting' | 'live' | 'late' | 'down'

export interface FeedState {
  phase: FeedPhase
  transport: 'stream' | 'poll' | null
  /** When the server was last heard of, by this machine's clock. */
  heardAt: number | null
  /** How old the newest event was when it arrived; null while that is not known. */
  lagMs: number | null
  problem: string | null
}

export interface FeedSink {
  events(batch: Envelope[]): void
  /** Events were missed, or this is the beginning: what was read before may be old. */
  reset(): void
}

const STREAMS: Stream[] = ['orders', 'executions', 'balances', 'ops']
const LONG_POLL_SECONDS = 15
const LOOK_EVERY_MS = 1000
/** Between two answers with events: ten batches a second are as live as an eye can tell. */
const BATCH_EVERY_MS = 100
/** Further behind than this the lists are read anew: faster than walking through what happened. */
const BEHIND_MAX = 5000
const BEYOND_EVERY_SEQ = Number.MAX_SAFE_INTEGER
const LATE_MS = { poll: 3000, stream: 7000 }
const DOWN_MS = { poll: 8000, stream: 15000 }
/** Ages are shown in seconds: nobody needs to hear of being heard more often than this. */
const HEARD_EVERY_MS = 250
const HIDDEN_PAUSE_MS = 30_000
/** After a silence this long a reading anew is quicker than everything that happened. */
const RESUME_MAX_MS = 120_000

export class Feed {
  private state: FeedState = { phase: 'connecting', transport: null, heardAt: null, lagMs: null, problem: null }
  private readonly listeners = new Set<() => void>()
  private running: AbortController | null = null
  private watch: ReturnType<typeof setInterval> | undefined
  private failing = false
  private failingSince: number | null = null
  private readonly lag = new FeedLag()
  private readonly after: Partial<Record<Stream, number>> = {}
  private lastEventId: string | null = null
  private pauseTimer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly sink: FeedSink) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  snapshot = (): FeedState => this.state

  start(): void {
    if (this.running) return
    this.running = new AbortController()
    this.watch = setInterval(() => this.judge(), 500)
    document.addEventListener('visibilitychange', this.onVisibility)
    void this.run(this.running.signal)
  }

  stop(): void {
    this.running?.abort()
    this.running = null
    clearInterval(this.watch)
    clearTimeout(this.pauseTimer)
    document.removeEventListener('visibilitychange', this.onVisibility)
  }

  /** A page nobody looks at leaves the server alone after a while; it catches up when it is looked at again. */
  private onVisibility = () => {
    clearTimeout(this.pauseTimer)
    if (document.hidden) {
      this.pauseTimer = setTimeout(() => {
        this.running?.abort()
        this.running = null
      }, HIDDEN_PAUSE_MS)
    } else if (!this.running) {
      this.running = new AbortController()
      this.set({ phase: 'connecting' })
      void this.run(this.running.signal)
    }
  }

  private set(change: Partial<FeedState>): void {
    const next = { ...this.state, ...change }
    const same = (Object.keys(next) as (keyof FeedState)[]).every((key) => next[key] === this.state[key])
    if (same) return
    this.state = next
    for (const listener of this.listeners) listener()
  }

  private heard(): void {
    this.failing = false
    this.failingSince = null
    const { phase, heardAt, problem } = this.state
    const now = Date.now()
    if (phase === 'live' && problem === null && heardAt !== null && now - heardAt >= 0 && now - heardAt < HEARD_EVERY_MS) return
    this.set({ heardAt: now, lagMs: this.lag.known(now), phase: 'live', problem: null })
  }

  private failed(error: unknown): void {
    this.failing = true
    this.failingSince ??= Date.now()
    this.set({ problem: explain(error) })
    this.judge()
  }

  private judge(): void {
    const { heardAt, transport } = this.state
    const kind = transport ?? 'poll'
    const age = Date.now() - (heardAt ?? this.failingSince ?? Date.now())
    if (age > DOWN_MS[kind] || (heardAt === null && this.failing)) this.set({ phase: 'down' })
    else if (age > LATE_MS[kind] || this.failing) this.set({ phase: 'late' })
  }

  private async run(signal: AbortSignal): Promise<void> {
    let attempt = 0
    while (!signal.aborted) {
      try {
        if (this.state.transport !== 'poll' && (await this.stream(signal, () => (attempt = 0)))) continue
        if (!signal.aborted) await this.poll(signal)
      } catch (error) {
        if (signal.aborted) return
        this.failed(error)
      }
      await pause(backoff(attempt++), signal)
    }
  }

  // --- live stream ---

  /** Returns false when this server has none. Throws when the connection is lost. */
  private async stream(signal: AbortSignal, onOpen: () => void): Promise<boolean> {
    if (this.state.heardAt !== null && Date.now() - this.state.heardAt > RESUME_MAX_MS) this.lastEventId = null
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    const token = adminToken()
    if (token) headers.Authorization = `Bearer ${token}`
    if (this.lastEventId !== null) headers['Last-Event-ID'] = this.lastEventId
    const response = await fetch(`/api/stream?channels=${STREAMS.join(',')}`, { headers, signal, cache: 'no-store' })
    const isStream = (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream')
    if (!response.ok || !isStream || !response.body) {
      void response.body?.cancel()
      if (response.status >= 500) throw new Error(`The live stream answered ${response.status}.`)
      return false
    }
    this.set({ transport: 'stream' })
    this.lag.compareClocks(response.headers.get('Date'))
    this.heard()
    onOpen()
    if (this.lastEventId === null) this.sink.reset()
    const parser = new EventStreamParser((message) => {
      if (message.event === 'reset') this.sink.reset()
      else this.deliverText(message.data)
    })
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await this.readInTime(reader)
      if (done) throw new Error('The live stream was closed.')
      parser.push(decoder.decode(value, { stream: true }))
      this.heard()
      this.lastEventId = parser.lastId ?? this.lastEventId
    }
  }

  /** A connection whose other end is gone without a word is given up after DOWN_MS. */
  private async readInTime(reader: ReadableStreamDefaultReader<Uint8Array>) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('The live stream fell silent.')), DOWN_MS.stream)
    })
    try {
      return await Promise.race([reader.read(), silence])
    } catch (error) {
      void reader.cancel().catch(() => {})
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  private deliverText(data: string): void {
    let envelope: Envelope
    try {
      envelope = JSON.parse(data) as Envelope
    } catch {
      return
    }
    if (!envelope.stream || !envelope.type) return
    this.lag.take(envelope.ts)
    this.sink.events([envelope])
  }

  // --- polling ---

  private async poll(signal: AbortSignal): Promise<void> {
    this.set({ transport: 'poll' })
    if (this.after.orders === undefined) {
      const heads = await Promise.all(STREAMS.map((stream) => api.events(stream, BEYOND_EVERY_SEQ, { limit: 1, signal })))
      STREAMS.forEach((stream, i) => (this.after[stream] = heads[i]!.lastSeq))
      this.sink.reset()
    }
    this.heard()
    const accepted = new Signal()
    await Promise.all([
      this.forever(signal, () => this.longPoll('orders', signal)),
      this.forever(signal, async () => {
        if (await this.longPoll('executions', signal)) accepted.raise()
      }),
      this.forever(signal, async () => {
        // After a fill the balance moves within moments: wait for it. Otherwise look once a second.
        const soon = await accepted.wait(LOOK_EVERY_MS, signal)
        await this.take('balances', soon ? 1 : 0, signal)
        await this.take('ops', 0, signal)
      }),
    ])
  }

  private async forever(signal: AbortSignal, step: () => Promise<unknown>): Promise<void> {
    let attempt = 0
    while (!signal.aborted) {
      try {
        await step()
        attempt = 0
      } catch (error) {
        if (signal.aborted) return
        this.failed(error)
        await pause(backoff(attempt++), signal)
      }
    }
  }

  private async longPoll(stream: Stream, signal: AbortSignal): Promise<boolean> {
    const started = Date.now()
    // While something is wrong a short poll tells sooner that it is over.
    const any = await this.take(stream, this.failing ? 1 : LONG_POLL_SECONDS, signal)
    if (any) await pause(Math.max(0, BATCH_EVERY_MS - (Date.now() - started)), signal)
    return any
  }

  private async take(stream: Stream, wait: number, signal: AbortSignal): Promise<boolean> {
    const after = this.after[stream]!
    const page = await api.events(stream, after, { wait, signal })
    this.heard()
    if (page.lastSeq < after || page.lastSeq - page.nextAfterSeq > BEHIND_MAX) {
      this.after[stream] = page.lastSeq
      this.sink.reset()
      return true
    }
    this.after[stream] = page.nextAfterSeq
    if (page.items.length > 0) this.sink.events(page.items)
    return page.items.length > 0
  }
}

function backoff(attempt: number): number {
  return Math.min(5000, 300 * 2 ** attempt) * (0.75 + Math.random() / 2)
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
  })
}

/** Wakes one waiter early. */
class Signal {
  private raised = false
  private wake: (() => void) | null = null

  raise(): void {
    this.raised = true
    this.wake?.()
  }

  async wait(milliseconds: number, signal: AbortSignal): Promise<boolean> {
    if (!this.raised) {
      const early = new AbortController()
      const give = () => early.abort()
      this.wake = give
      signal.addEventListener('abort', give)
      await pause(milliseconds, early.signal)
      signal.removeEventListener('abort', give)
      this.wake = null
    }
    const was = this.raised
    this.raised = false
    return was
  }
}
