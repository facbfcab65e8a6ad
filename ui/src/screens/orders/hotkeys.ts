import { useEffect, useRef } from 'react'

export interface KeyHandlers {
  buy: () => void
  sell: () => void
  submit: () => void
}

/** Letters go to whoever is being typed into, except where letters mean nothing (the ticket's number fields). */
export function takesLetters(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.dataset.numbers !== undefined) return false
  if (target instanceof HTMLInputElement) return !['radio', 'checkbox', 'button', 'submit', 'file'].includes(target.type)
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}

/** B and S choose the side, Ctrl + Enter submits: from anywhere on the screen, but not from behind an open dialog or menu. */
export function useTicketKeys(handlers: KeyHandlers, singleKeys: boolean): void {
  const latest = useRef(handlers)
  latest.current = handlers
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open], [role="menu"]')) return
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        // A key held down is one wish, not many.
        if (!event.repeat) latest.current.submit()
        return
      }
      if (!singleKeys || event.ctrlKey || event.metaKey || event.altKey || takesLetters(event.target)) return
      const key = event.key.toLowerCase()
      if (key === 'b' || key === 's') {
        event.preventDefault()
        if (!event.repeat) latest.current[key === 'b' ? 'buy' : 'sell']()
      }
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [singleKeys])
}
