import { useMutation, useQuery } from '@tanstack/react-query'
import { api } from '../../data/api'
import { explain, isMissing } from '../../data/client'
import { formatQuantity } from '../../data/money'
import { Age, Banner, Chip, Failed, NotHere, Panel, Skeleton } from '../../parts/basics'
import { useAdmin } from './admin'
import { INVARIANTS } from './words'

export function AuditPanels() {
  const invariants = useQuery({
    queryKey: ['invariants'],
    queryFn: api.invariants,
    staleTime: 15_000,
    refetchOnWindowFocus: false,
    retry: false,
  })
  return (
    <>
      <Panel
        title="Invariants"
        failed={invariants.isError}
        asOf={invariants.dataUpdatedAt || null}
        note={invariants.data ? <Age at={invariants.data.checkedAt} prefix="checked " /> : undefined}
        actions={
          isMissing(invariants.error) ? undefined : (
            <button
              type="button"
              className="button button-small"
              onClick={() => void invariants.refetch()}
              disabled={invariants.isFetching}
            >
              {invariants.isFetching ? 'Checking…' : 'Check now'}
            </button>
          )
        }
      >
        {invariants.data ? (
          <ul className="checks">
            {invariants.data.checks.map((check) => (
              <li key={check.id} data-ok={check.ok || undefined}>
                <Chip tone={check.ok ? 'good' : 'bad'} icon={check.ok ? 'check' : 'close'}>
                  {check.id}
                </Chip>
                <span className="rows-text">
                  {INVARIANTS[check.id] ?? ''}
                  {check.ok ? null : (
                    <span className="down block">
                      {formatQuantity(check.count)} broken: <span className="mono wrap">{JSON.stringify(check.sample)}</span>
                    </span>
                  )}
                </span>
                <span className="hidden">{check.ok ? 'holds' : 'broken'}</span>
              </li>
            ))}
          </ul>
        ) : isMissing(invariants.error) ? (
          <NotHere what="The invariants" />
        ) : invariants.isError ? (
          <Failed what="The invariants cannot be checked." why={explain(invariants.error)} onRetry={() => void invariants.refetch()} />
        ) : (
          <div className="panel-pad">
            <Skeleton lines={10} />
          </div>
        )}
      </Panel>
      <Replay />
    </>
  )
}

function Replay() {
  const admin = useAdmin()
  const verify = useMutation({ mutationFn: () => admin.run(api.verifyReplay) })
  const result = verify.data
  return (
    <Panel
      title="Replay"
      actions={
        <button type="button" className="button button-small" onClick={() => verify.mutate()} disabled={verify.isPending}>
          {verify.isPending ? 'Replaying…' : 'Verify replay'}
        </button>
      }
    >
      <div className="panel-pad stack-small">
        <p className="note">Fills every stored order again from its seed and compares the hash with what is stored. Changes nothing.</p>
        {verify.isError ? (
          isMissing(verify.error) ? (
            <p className="note">Replay: not available on this server yet.</p>
          ) : (
            <p className="field-error" role="alert">
              {explain(verify.error)}
            </p>
          )
        ) : result ? (
          <Banner
            tone={result.ok ? 'good' : 'bad'}
            icon={result.ok ? 'check' : 'close'}
            title={
              result.ok
                ? `${formatQuantity(result.orders)} orders replay to the same hash.`
                : `The replay differs, first at ${result.firstDivergence ?? 'an unknown order'}.`
            }
          >
            <span className="mono wrap">{result.liveHash.slice(0, 16)}…</span>
          </Banner>
        ) : null}
      </div>
      {admin.dialog}
    </Panel>
  )
}
