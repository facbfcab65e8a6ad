// How the page is served: what a browser may do with it, what it keeps, which addresses exist, and how much there is to fetch.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { base, newPage, open } from './lib.mjs'

const SCRIPT_BYTES_MAX = 200 * 1024
const BROWSER = { Accept: 'text/html,application/xhtml+xml' }
const screens = [
    ['/', 'Overview'],
    ['/orders', 'Orders'],
    ['/orders?userId=clusius&side=BUY', 'Orders'],
    ['/market', 'Market'],
    ['/portfolio', 'Portfolio'],
    ['/resilience', 'Resilience'],
    ['/settings/users', 'Settings'],
    ['/settings/appearance', 'Settings'],
]

async function entryScript() {
    const page = await (await fetch(`${base}/`)).text()
    return /<script type="module"[^>]+src="([^"]+)"/.exec(page)[1]
}

export const tests = {
    'every screen has an address that can be reloaded and shared': async (browser) => {
        const page = await newPage(browser)
        for (const [address, heading] of screens) {
            await page.goto(base + address)
            await page.getByRole('heading', { level: 1, name: heading }).waitFor()
            assert.equal(page.url(), base + address)
        }
        await page.getByRole('link', { name: 'Users', exact: true }).click()
        await page.getByRole('region', { name: 'New user' }).waitFor()
        assert.equal(page.url(), `${base}/settings/users`)
        await page.reload()
        await page.getByRole('region', { name: 'New user' }).waitFor()
        await page.goBack()
        await page.getByRole('heading', { level: 2, name: 'Theme' }).waitFor()
        await page.goto(`${base}/nowhere`)
        await page.getByRole('heading', { level: 1, name: 'No such screen' }).waitFor()
        assert.deepEqual(page.faults, [])
    },

    'what is no screen is not found, whoever asks': async () => {
        for (const path of [
            '/api/absent',
            '/api',
            '/health/absent',
            '/assets/absent.js',
            '/assets/absent',
            '/avatars/seed/absent.png',
            '/x.png',
        ]) {
            const response = await fetch(base + path, { headers: BROWSER })
            assert.equal(response.status, 404, path)
            assert.match(response.headers.get('content-type'), /application\/problem\+json/, path)
        }
        assert.equal((await fetch(`${base}/orders`, { headers: { Accept: 'application/json' } })).status, 404)
        assert.equal((await fetch(`${base}/orders`, { headers: BROWSER, method: 'POST' })).status >= 400, true)
    },

    'the page may run its own scripts and styles, talk to its server, be in no frame, and nothing else': async () => {
        for (const path of ['/', '/orders']) {
            const response = await fetch(base + path, { headers: BROWSER })
            const policy = Object.fromEntries(
                response.headers
                    .get('content-security-policy')
                    .split(';')
                    .map((part) => part.trim().split(/\s+(.*)/s)),
            )
            assert.equal(policy['default-src'], "'self'")
            assert.equal(policy['script-src'], "'self'")
            assert.equal(policy['style-src'], "'self'")
            assert.equal(policy['connect-src'], "'self'")
            assert.equal(policy['frame-ancestors'], "'none'")
            assert.equal(policy['object-src'], "'none'")
            assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
            assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
            const text = await response.text()
            assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/i, 'nothing inline')
        }
    },

    'the page is asked for again and mostly not sent again; parts with a hash in their name are kept': async () => {
        const page = await fetch(`${base}/`)
        assert.equal(page.headers.get('cache-control'), 'no-cache')
        const etag = page.headers.get('etag')
        const again = await fetch(`${base}/`, { headers: { 'If-None-Match': etag } })
        assert.equal(again.status, 304)
        assert.equal(await again.text(), '')
        const script = await fetch(base + (await entryScript()))
        assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable')
        assert.equal(script.headers.get('content-encoding') !== null, true, 'sent compressed')
        assert.match(script.headers.get('vary'), /accept-encoding/i)
    },

    'the start screen fetches less than 200 KB of script, and its chart only afterwards': async (browser) => {
        const page = await newPage(browser)
        const sizes = new Map()
        let shown = false
        page.on('response', async (response) => {
            const path = new URL(response.url()).pathname
            if (!path.endsWith('.js')) return
            const bytes = await response.body().catch(() => null)
            if (bytes && !shown && !/TimeChart/.test(path)) sizes.set(path, gzipSync(bytes).length)
        })
        await open(page, '/')
        shown = true
        const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
        assert.ok(sizes.size > 0 && total > 50_000, 'the entry was counted')
        assert.ok(total < SCRIPT_BYTES_MAX, `${total} bytes gzipped: ${[...sizes].join(', ')}`)
        const text = await (await fetch(base + (await entryScript()))).text()
        assert.doesNotMatch(text, /lightweight-charts|TradingView, Inc/, 'charts are not part of the entry')
        return `${Math.round(total / 1024)} KB gzipped`
    },
}
