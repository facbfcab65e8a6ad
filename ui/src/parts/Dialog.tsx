// A modal dialog: the browser's own <dialog>, which keeps the focus inside, closes on Escape and gives the focus back.
import { useEffect, useId, useRef, type ReactNode } from 'react'
import { Icon } from './Icon'

export function Dialog(props: { title: string; onClose: () => void; wide?: boolean; children: ReactNode; footer?: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const { onClose } = props
  useEffect(() => {
    const dialog = ref.current
    if (!dialog) return
    const before = document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      className={props.wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose()
      }}
    >
      <div className="dialog-body">
        <header className="dialog-head">
          <h2 id={titleId} className="dialog-title">
            {props.title}
          </h2>
          <button type="button" className="icon-button" onClick={onClose} aria-label="Close">
            <Icon name="close" />
          </button>
        </header>
        <div className="dialog-content">{props.children}</div>
        {props.footer ? <footer className="dialog-foot">{props.footer}</footer> : null}
      </div>
    </dialog>
  )
}
