// HTTP to the gateway. A call ends in one of three ways, which callers must tell apart:
//   a value · a Problem (the server's answer) · NoAnswer (nothing came back: whether it was carried out is unknown).
import type { FieldError } from './types'

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly retryable: boolean
  readonly requestId: string | null
  readonly errors: FieldError[]
  readonly retryAfterSeconds: number | null

  constructor(status: number, body: Record<string, unknown>, headers: Headers) {
    const title = typeof body.title === 'string' ? body.title : `The server answered ${status}`
    const detail = typeof body.detail === 'string' ? body.detail : title
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.title = title
    this.detail = detail
    this.code = typeof body.code === 'string' ? body.code : `HTTP_${status}`
    this.retryable = body.retryable === true || status >= 500 || status === 429 || status === 408
    this.requestId = typeof body.requestId === 'string' ? body.requestId : headers.get('X-Request-Id')
    this.errors = Array.isArray(body.errors) ? (body.errors as FieldError[]) : []
    const after = Number(headers.get('Retry-After'))
    this.retryAfterSeconds = Number.isFinite(after) && after > 0 ? after : null
  }

  fieldMessage(field: string): string | undefined {
    return this.errors.find((error) => error.field === field)?.message
  }
}

export class NoAnswer extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoAnswer'
  }
}

/** The route is not there: an older gateway, or a part that is built later. */
export function isMissing(error: unknown): boolean {
  return error instanceof Problem && (error.status === 404 || error.status === 405 || error.status === 501)
}

const ADMIN_TOKEN = 'tb.adminToken'

export function adminToken(): string | null {
  try {
    return sessionStorage.getItem(ADMIN_TOKEN)
  } catch {
    return null
  }
}

/** Kept for this tab only; an empty text forgets it. */
export function setAdminToken(token: string): void {
  try {
    if (token) sessionStorage.setItem(ADMIN_TOKEN, token)
    else sessionStorage.removeItem(ADMIN_TOKEN)
  } catch {
    // A browser without storage asks again next time.
  }
}

export interface RequestOptions {
  body?: unknown
  /** Sent as it is, with its own type. */
  file?: Blob
  headers?: Record<string, string>
  timeoutMs?: number
  signal?: AbortSignal
}

export interface Answer<T> {
  value: T
  status: number
  headers: Headers
}

interface Raw {
  status: number
  headers: Headers
  text: string
}

async function send(method: string, path: string, options: RequestOptions): Promise<Raw> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers }
  const token = adminToken()
  if (token) headers.Authorization = `Bearer ${token}`
  const init: RequestInit = { method, headers }
  if (options.file) {
    headers['Content-Type'] = options.file.type || 'application/octet-stream'
    init.body = options.file
  } else if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(options.body)
  }
  const deadline = new AbortController()
  const timeoutMs = options.timeoutMs ?? 10_000
  const timer = setTimeout(() => deadline.abort(), timeoutMs)
  const onAbort = () => deadline.abort()
  if (options.signal?.aborted) deadline.abort()
  options.signal?.addEventListener('abort', onAbort)
  try {
    const response = await fetch(path, { ...init, signal: deadline.signal })
    // The body belongs to the answer: it must come within the deadline too.
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch {
    if (options.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    throw new NoAnswer(
      deadline.signal.aborted ? `No answer within ${Math.round(timeoutMs / 1000)} seconds.` : 'The server cannot be reached.',
    )
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', onAbort)
  }
}

export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const { status, headers, text } = await send(method, path, options)
  const type = headers.get('Content-Type') ?? ''
  let parsed: unknown = null
  if (text !== '' && /json/.test(type)) {
    try {
      parsed = JSON.parse(text)
    } catch {
      throw new NoAnswer('The answer could not be read.')
    }
  }
  if (status >= 400) throw new Problem(status, (parsed ?? {}) as Record<string, unknown>, headers)
  return { value: (parsed ?? text) as T, status, headers }
}

export async function get<T>(path: string, options: RequestOptions = {}): Promise<T> {
  return (await request<T>('GET', path, options)).value
}

/** "?a=1&b=x" of what is set; "" for nothing. */
export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

/** What to tell a person about any failure. */
export function explain(error: unknown): string {
  if (error instanceof Problem) {
    if (error.code === 'VALIDATION' && error.errors.length > 0) {
      return error.errors.map((field) => `${field.field} ${field.message}`).join('; ')
    }
    return error.detail
  }
  return error instanceof Error ? error.message : String(error)
}
