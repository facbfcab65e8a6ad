// Operations may need the administrator's token: then the server says 401, and this asks for it, once per tab.
import { useCallback, useState } from 'react'
import { Problem, setAdminToken } from '../../data/client'
import { Dialog } from '../../parts/Dialog'

/** `run` does the work; when the server wants the token it is asked for and the work is done again. Null: nobody gave one. */
export function useAdmin(): { run: <T>(work: () => Promise<T>) => Promise<T | null>; dialog: React.ReactNode } {
  const [answer, setAnswer] = useState<((token: string | null) => void) | null>(null)
  const run = useCallback(async <T,>(work: () => Promise<T>): Promise<T | null> => {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) throw error
        setAdminToken('')
        const token = await new Promise<string | null>((resolve) => setAnswer(() => resolve))
        setAnswer(null)
        if (token === null) return null
        setAdminToken(token)
      }
    }
  }, [])
  return { run, dialog: answer ? <TokenDialog onAnswer={answer} /> : null }
}

function TokenDialog({ onAnswer }: { onAnswer: (token: string | null) => void }) {
  const [token, setToken] = useState('')
  return (
    <Dialog title="Administrator’s token" onClose={() => onAnswer(null)}>
      <form
        className="user-form"
        onSubmit={(event) => {
          event.preventDefault()
          onAnswer(token.trim())
        }}
      >
        <p>This server asks for its token before it changes operations. It is kept in this tab only.</p>
        <div className="field">
          <label htmlFor="admin-token">Token</label>
          <input
            id="admin-token"
            className="input"
            type="password"
            autoComplete="off"
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </div>
        <div className="form-actions">
          <button type="submit" className="button button-primary" disabled={token.trim() === ''}>
            Go on
          </button>
        </div>
      </form>
    </Dialog>
  )
}
