// Short messages at the edge of the page. They are said to screen readers, too, and go by themselves, except for failures.
import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from 'react'
import type { Tone } from './basics'
import { Icon } from './Icon'

interface Toast {
  id: number
  tone: Tone
  text: ReactNode
  action?: { label: string; run: () => void }
}

type Show = (toast: Omit<Toast, 'id'>) => void

const ToastContext = createContext<Show>(() => {})
const SHOWN_MS = 6000

export function useToast(): Show {
  return useContext(ToastContext)
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([])
  const next = useRef(1)
  const drop = useCallback((id: number) => setToasts((old) => old.filter((toast) => toast.id !== id)), [])
  const show = useCallback<Show>(
    (toast) => {
      const id = next.current++
      setToasts((old) => [...old.slice(-3), { ...toast, id }])
      if (toast.tone !== 'bad') setTimeout(() => drop(id), SHOWN_MS)
    },
    [drop],
  )
  const list = useMemo(
    () => (
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`toast toast-${toast.tone}`}>
            <Icon name={toast.tone === 'bad' ? 'warning' : toast.tone === 'good' ? 'check' : 'info'} />
            <span className="toast-text">{toast.text}</span>
            {toast.action ? (
              <button
                type="button"
                className="link"
                onClick={() => {
                  toast.action?.run()
                  drop(toast.id)
                }}
              >
                {toast.action.label}
              </button>
            ) : null}
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => drop(toast.id)}>
              <Icon name="close" size={14} />
            </button>
          </div>
        ))}
      </div>
    ),
    [toasts, drop],
  )
  return (
    <ToastContext.Provider value={show}>
      {children}
      {list}
    </ToastContext.Provider>
  )
}
