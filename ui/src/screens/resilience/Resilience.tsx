import { StatusPanels } from './StatusPanels'
import { AuditPanels } from './AuditPanels'
import { DeadLetters } from './DeadLetters'
import { AlarmsPanel } from './AlarmsPanel'
import { LogsPanel } from './LogsPanel'
import { ReconcilePanel } from './ReconcilePanel'

export default function Resilience() {
  return (
    <div className="screen">
      <h1 className="title">Resilience</h1>
      <ReconcilePanel />
      <div className="grid grid-resilience">
        <StatusPanels />
        <div className="stack">
          <AlarmsPanel />
          <DeadLetters />
          <AuditPanels />
        </div>
      </div>
      <LogsPanel />
    </div>
  )
}
