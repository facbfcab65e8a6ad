import { useQuery } from '@tanstack/react-query'
import { api } from '../../data/api'
import { explain, isMissing } from '../../data/client'
import { timeText } from '../../data/time'
import { Empty, NotHere, Panel, Skeleton } from '../../parts/basics'

export function LogsPanel() {
  const logs = useQuery({
    queryKey: ['logs'],
    queryFn: () => api.logs({}),
    refetchInterval: (query) => (isMissing(query.state.error) ? false : 5000),
  })
  return (
    <Panel title="Logs" asOf={logs.dataUpdatedAt || null} failed={logs.isError && !isMissing(logs.error)}>
      {logs.data ? (
        logs.data.items.length === 0 ? (
          <Empty title="Nothing was said lately." />
        ) : (
          <div className="scroll logs" tabIndex={0} role="region" aria-label="Log lines">
            <table className="table">
              <tbody>
                {logs.data.items.map((line, i) => (
                  <tr key={i} className={/err|crit/i.test(line.level) ? 'log-bad' : undefined}>
                    <td className="nowrap mono">{timeText(line.ts)}</td>
                    <td>{line.level}</td>
                    <td>{line.actor}</td>
                    <td className="wrap">{line.message}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )
      ) : isMissing(logs.error) ? (
        <NotHere what="Logs" />
      ) : logs.isError ? (
        <p className="panel-pad note">{explain(logs.error)}</p>
      ) : (
        <div className="panel-pad">
          <Skeleton lines={3} />
        </div>
      )}
    </Panel>
  )
}
