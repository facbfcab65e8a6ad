// The orders as CSV: the server writes it, page by page; this joins the pages and hands over the file.
import { api, type OrderFilter } from '../../data/api'

const PAGES_MAX = 500

export async function readCsv(filter: OrderFilter, onRows: (rows: number) => void): Promise<{ text: string; complete: boolean }> {
  let cursor: string | null = null
  let text = ''
  let rows = 0
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer: { value: string; headers: Headers } = await api.ordersCsv(filter, cursor)
    const lines: string = answer.value
    const body = lines.slice(lines.indexOf('\n') + 1)
    text += page === 0 ? lines : body
    rows += body === '' ? 0 : body.split('\r\n').length - 1
    onRows(rows)
    cursor = answer.headers.get('X-Next-Cursor') || null
    if (cursor === null) return { text, complete: true }
  }
  return { text, complete: false }
}

export function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
