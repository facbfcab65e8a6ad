// What the end-to-end tests share: a browser of the system's, pages that note what went wrong in them, and the server's API.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const base = (process.env.TB_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '')
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
/** How long anything may take, on a busy machine too. Nobody waits for it when all is well. */
const DEADLINE_S = 45
const FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]

export async function withBrowser(work) {
    const profile = mkdtempSync(join(tmpdir(), 'tulip-e2e-'))
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        headless: true,
        args: FLAGS,
        env: { ...process.env, HOME: profile },
    })
    try {
        return await work(browser)
    } finally {
        await browser.close()
        rmSync(profile, { recursive: true, force: true })
    }
}

/** A fresh page (its own storage). page.faults collects uncaught errors and refusals of the content security policy. */
export async function newPage(browser, { width = 1280, height = 800, theme = 'light', reducedMotion = 'reduce' } = {}) {
    const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: theme,
        reducedMotion,
        timezoneId: 'Europe/Amsterdam',
        locale: 'en-GB',
    })
    const page = await context.newPage()
    page.faults = []
    page.on('pageerror', (error) => page.faults.push(String(error)))
    page.on('console', (message) => {
        if (message.type() === 'error' && /Content Security Policy|Uncaught|Warning:/.test(message.text())) page.faults.push(message.text())
    })
    page.setDefaultTimeout(DEADLINE_S * 1000)
    return page
}

export async function open(page, route = '/') {
    await page.goto(`${base}${route}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
}

/** The violations that matter: serious and critical. */
export async function axe(page) {
    // Evaluated, not added as a script: the page's own policy forbids scripts from elsewhere.
    await page.evaluate(readFileSync(AXE, 'utf8'))
    return page.evaluate(async () => {
        const result = await globalThis.axe.run(document, { resultTypes: ['violations'] })
        return result.violations
            .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
            .map(
                (violation) =>
                    `${violation.id}: ${violation.help} (${violation.nodes
                        .map((node) => node.target.join(' '))
                        .slice(0, 4)
                        .join(' | ')})`,
            )
    })
}

export async function api(method, path, body, headers = {}) {
    const response = await fetch(base + path, {
        method,
        headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    return {
        status: response.status,
        headers: response.headers,
        body: text && /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text,
    }
}

let counter = 0
export function key(name = 'e2e') {
    return `${name}-${process.pid}-${Date.now()}-${++counter}`
}

export async function order(userId, side, quantity, price, more = {}) {
    const idempotencyKey = more.idempotencyKey ?? key()
    return api('POST', '/api/orders', { userId, side, quantity, price, ...more, idempotencyKey }, { 'Idempotency-Key': idempotencyKey })
}

/** Waits for a condition, never for a time. */
export async function until(what, condition, seconds = DEADLINE_S) {
    const end = Date.now() + seconds * 1000
    let last
    for (;;) {
        last = await condition()
        if (last) return last
        if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
    }
}
