// Money: whole cents as bigint, from and to the contract's text ("124.20"). No money ever passes through a double.

export type Cents = bigint

const SERVED = /^(-?)(\d+)\.(\d\d)$/
const PRICE_MAX: Cents = 1_000_000_000n // 10000000.00

/** What the server sent. Throws on anything that is not its notation: a wrong amount must never be shown. */
export function parseMoney(text: string): Cents {
  const match = SERVED.exec(text)
  if (!match) throw new Error(`not an amount of money: ${JSON.stringify(text)}`)
  const cents = BigInt(match[2]!) * 100n + BigInt(match[3]!)
  return match[1] ? -cents : cents
}

export function parseMoneyOrNull(text: string | null | undefined): Cents | null {
  return text == null ? null : parseMoney(text)
}

/** The contract's notation: "-1242.00". */
export function moneyText(cents: Cents): string {
  const positive = cents < 0n ? -cents : cents
  return `${cents < 0n ? '-' : ''}${positive / 100n}.${String(positive % 100n).padStart(2, '0')}`
}

/** For reading: "1,242.00", a real minus sign; with `signed` also "+1,242.00". */
export function formatMoney(cents: Cents, options: { signed?: boolean } = {}): string {
  const positive = cents < 0n ? -cents : cents
  const whole = String(positive / 100n).replace(/\B(?=(\d{3})+$)/g, ',')
  const sign = cents < 0n ? '−' : options.signed && cents > 0n ? '+' : ''
  return `${sign}${whole}.${String(positive % 100n).padStart(2, '0')}`
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string }

/** A price as a person types it: up to two decimals, a comma counts as the decimal point when there is only one. */
export function parsePrice(input: string): Parsed<Cents> {
  const text = input
    .trim()
    .replace(/^fl\s*/i, '')
    .replace(/^(\d+),(\d{1,2})$/, '$1.$2')
  if (text === '') return { ok: false, message: 'Enter a price.' }
  const match = /^(\d{1,12})(?:\.(\d*))?$/.exec(text)
  if (!match) return { ok: false, message: 'A price looks like 124.20.' }
  const decimals = match[2] ?? ''
  if (decimals.length > 2) return { ok: false, message: 'At most two decimals.' }
  const value = BigInt(match[1]!) * 100n + BigInt((decimals + '00').slice(0, 2))
  if (value < 1n || value > PRICE_MAX) return { ok: false, message: 'Between 0.01 and 10,000,000.00.' }
  return { ok: true, value }
}

export function parseQuantity(input: string): Parsed<number> {
  const text = input.trim()
  if (text === '') return { ok: false, message: 'Enter a quantity.' }
  if (!/^\d{1,9}$/.test(text)) return { ok: false, message: 'A whole number of bulbs.' }
  const value = Number(text)
  if (value < 1 || value > 1_000_000) return { ok: false, message: 'Between 1 and 1,000,000.' }
  return { ok: true, value }
}

export function formatQuantity(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** part/whole in percent with two decimals, as text; the rounding is half up, away from zero. Null for whole 0. */
export function percentText(part: Cents, whole: Cents): string | null {
  if (whole === 0n) return null
  const negative = part < 0n !== whole < 0n
  const a = part < 0n ? -part : part
  const b = whole < 0n ? -whole : whole
  const hundredths = (a * 20000n + b) / (2n * b)
  return `${negative && hundredths > 0n ? '-' : ''}${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`
}

/** Only for drawing (charts, bar widths): never shown as an amount. */
export function toDrawing(cents: Cents): number {
  return Number(cents) / 100
}
