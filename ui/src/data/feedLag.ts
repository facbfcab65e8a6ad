// How far the feed is behind: how old its newest event was when it arrived. That compares two machines' clocks, so it is known only while the server's
// clock (its Date header, whole seconds) agrees with ours.

/** An event older than this says nothing about the present. */
const REMEMBERED_MS = 10_000
/** The header is up to a second old by its own rounding. */
const AGREES_MS = { behind: 500, ahead: 2500 }

export class FeedLag {
  private agrees = false
  private newest: { lagMs: number; at: number } | null = null

  /** With each new connection. */
  compareClocks(dateHeader: string | null, now = Date.now()): void {
    const ahead = now - Date.parse(dateHeader ?? '')
    this.agrees = ahead >= -AGREES_MS.behind && ahead <= AGREES_MS.ahead
    this.newest = null
  }

  take(happenedAt: string, now = Date.now()): void {
    const lagMs = now - Date.parse(happenedAt)
    if (!Number.isNaN(lagMs)) this.newest = { lagMs: Math.max(0, lagMs), at: now }
  }

  /** Milliseconds, or null while nobody knows. */
  known(now = Date.now()): number | null {
    return this.agrees && this.newest && now - this.newest.at <= REMEMBERED_MS ? this.newest.lagMs : null
  }
}
