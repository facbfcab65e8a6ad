import { explain } from '../../data/client'
import { formatQuantity } from '../../data/money'
import { useStatus } from '../../data/queries'
import type { Actor } from '../../data/types'
import { Age, Chip, Failed, Panel, Skeleton, useNarrow, type Tone } from '../../parts/basics'
import { CUES } from './words'

export function stateTone(state: string): Tone {
  if (state === 'READY' || state === 'UP' || state === 'LEADER') return 'good'
  if (state === 'DOWN' || state === 'STOP' || state === 'HALTED') return 'bad'
  if (state === 'STANDBY' || state === 'WAITING') return 'info'
  return 'warning'
}

function StateChip({ state }: { state: string }) {
  const tone = stateTone(state)
  return (
    <Chip tone={tone} icon={tone === 'good' ? 'check' : tone === 'bad' ? 'close' : tone === 'info' ? 'info' : 'clock'}>
      {state.charAt(0) + state.slice(1).toLowerCase()}
    </Chip>
  )
}

export function StatusPanels() {
  const status = useStatus()
  return (
    <div className="stack">
      <Panel
        title="Actors"
        asOf={status.dataUpdatedAt || null}
        failed={status.isError}
        className={status.isError && status.data ? 'greyed' : undefined}
        note={status.data?.regions.map((region) => `${region.region} ${region.state.toLowerCase()}`).join(', ')}
      >
        {status.data ? (
          <Actors actors={status.data.actors} />
        ) : status.isError ? (
          <Failed what="The state of the system cannot be read." why={explain(status.error)} onRetry={() => void status.refetch()} />
        ) : (
          <div className="panel-pad">
            <Skeleton lines={6} height={16} />
          </div>
        )}
      </Panel>
      <Panel title="Cues" asOf={status.dataUpdatedAt || null} failed={status.isError}>
        {status.data ? (
          <ul className="cues">
            {CUES.map((known) => {
              const cue = status.data.cues.find((one) => one.id === known.id)
              const on = cue?.active === true
              return (
                <li key={known.id} data-on={on || undefined}>
                  <span className="cue-name">
                    {known.name} <span className="note mono">{known.id}</span>
                  </span>
                  <span className="cue-what">{on ? cue.message : known.what}</span>
                  <span className="cue-state">
                    {on ? (
                      <Chip
                        tone={known.id === 'partition-reconcile' ? 'divergent' : cue.severity === 'critical' ? 'bad' : 'warning'}
                        icon="warning"
                      >
                        {cue.since ? <Age at={cue.since} prefix="for " lasting /> : 'now'}
                      </Chip>
                    ) : cue ? (
                      <Chip tone="plain" icon="check">
                        Quiet
                      </Chip>
                    ) : (
                      <Chip tone="plain">Unknown</Chip>
                    )}
                  </span>
                </li>
              )
            })}
          </ul>
        ) : (
          <div className="panel-pad">{status.isError ? <p className="note">Unknown right now.</p> : <Skeleton lines={6} />}</div>
        )}
      </Panel>
    </div>
  )
}

function Actors({ actors }: { actors: Actor[] }) {
  const narrow = useNarrow()
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="All actors">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Actor</th>
            {narrow ? null : <th scope="col">Where</th>}
            <th scope="col">State</th>
            <th scope="col" className="number">
              Restarts
            </th>
            <th scope="col" className="number">
              Lag
            </th>
            {narrow ? null : (
              <th scope="col" className="number">
                PID
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {actors.map((actor) => (
            <tr key={`${actor.region} ${actor.name} ${actor.instance}`}>
              <td>
                <strong>{actor.name}</strong> <span className="note mono">{actor.instance}</span>
                {narrow ? (
                  <span className="note block">
                    {actor.az ?? actor.region} · pid {actor.pid}
                  </span>
                ) : null}
              </td>
              {narrow ? null : <td className="nowrap">{actor.az ?? actor.region}</td>}
              <td>
                <StateChip state={actor.state} />
              </td>
              <td className="number">{formatQuantity(actor.restarts)}</td>
              <td className="number">{formatQuantity(actor.lag)}</td>
              {narrow ? null : <td className="number">{actor.pid}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
