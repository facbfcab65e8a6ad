import { explain } from '../../data/client'
import { useAlarms } from '../../data/queries'
import { Age, Chip, Empty, Failed, Panel, Skeleton } from '../../parts/basics'

export function AlarmsPanel() {
  const alarms = useAlarms()
  return (
    <Panel
      title="Alarms"
      asOf={alarms.dataUpdatedAt || null}
      failed={alarms.isError}
      note={alarms.data?.length ? String(alarms.data.length) : undefined}
    >
      {alarms.data ? (
        alarms.data.length === 0 ? (
          <Empty title="No alarm is active." />
        ) : (
          <ul className="rows">
            {alarms.data.map((alarm) => (
              <li key={alarm.id}>
                <Chip tone={/crit|error/i.test(alarm.severity) ? 'bad' : 'warning'} icon="warning">
                  {alarm.id}
                </Chip>
                <span className="rows-text">{alarm.message}</span>
                <span className="note">
                  <Age at={alarm.since} />
                </span>
              </li>
            ))}
          </ul>
        )
      ) : alarms.isError ? (
        <Failed what="The alarms cannot be read." why={explain(alarms.error)} onRetry={() => void alarms.refetch()} />
      ) : (
        <div className="panel-pad">
          <Skeleton lines={2} />
        </div>
      )}
    </Panel>
  )
}
