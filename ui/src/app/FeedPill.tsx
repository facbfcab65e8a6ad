// Region and health of the feed, always with words: green only while the server was heard of a moment ago.
import { useFeed } from '../data/live'
import { useConfig, useStatus } from '../data/queries'
import { ageText, durationText, useNow } from '../data/time'

/** Said aloud when it changes; the pill itself counts seconds and would never be quiet. */
const ANNOUNCED = { connecting: '', live: 'Feed live', late: 'Feed late', down: 'Feed down' }

export function FeedPill() {
  const feed = useFeed()
  const now = useNow()
  const config = useConfig()
  const status = useStatus()
  const region = config.data?.region ?? status.data?.regions[0]?.region
  const age = feed.heardAt === null ? null : ageText(now - feed.heardAt)
  const words = {
    connecting: 'Connecting',
    live: feed.lagMs === null ? 'Live' : `Live · ${durationText(feed.lagMs)}`,
    late: age ? `Late · ${age}` : 'Late',
    down: age ? `Feed down · ${age}` : 'Feed down',
  }[feed.phase]
  const how = feed.transport === 'stream' ? 'live stream' : feed.transport === 'poll' ? 'polling' : 'not connected'
  return (
    <span
      className={`pill feed-${feed.phase}`}
      role="group"
      aria-label={`Region ${region ?? 'unknown'}, feed ${words}`}
      title={`Region ${region ?? 'unknown'} · ${how}${feed.lagMs === null ? '' : ` · the last event came ${durationText(feed.lagMs)} after it happened`}${feed.problem ? ` · ${feed.problem}` : ''}`}
    >
      <span className="pill-dot" aria-hidden="true" />
      <span className="pill-region">{region ?? '…'}</span>
      <span className="pill-words">{words}</span>
      <span className="hidden" role="status">
        {ANNOUNCED[feed.phase]}
      </span>
    </span>
  )
}
