// Every screen, light and dark, 1280 and 390 px wide: it fits, axe finds nothing serious, nothing goes wrong, and its picture is kept.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { axe, base, newPage, open, order, until, api } from './lib.mjs'

const pictures = process.env.TB_TEST_SCREENSHOTS ?? join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'docs/screenshots')
mkdirSync(pictures, { recursive: true })

const screens = [
    ['overview', '/'],
    ['orders', '/orders'],
    ['market', '/market'],
    ['portfolio', '/portfolio'],
    ['resilience', '/resilience'],
    ['users', '/settings/users'],
    ['appearance', '/settings/appearance'],
]
const sizes = [
    ['wide', 1280, 800],
    ['narrow', 390, 844],
]

/** A market with a little history, so that the pictures show something. */
let history
async function someHistory() {
    history ??= (async () => {
        const { body } = await api('GET', '/api/orders?limit=100')
        if (body.items.length >= 60) return
        let cents = 12420
        const people = ['clusius', 'oosterwijck', 'leeuwenhoek']
        for (let i = 0; i < 90; i++) {
            cents += Math.round((Math.sin(i / 6) + Math.cos(i * 1.7) * 0.8) * 28)
            await order(people[i % 3], (i * 7) % 11 < 6 ? 'BUY' : 'SELL', 1 + ((i * 5) % 8), (cents / 100).toFixed(2))
            if (i % 4 === 3) await new Promise((resolve) => setTimeout(resolve, 450))
        }
        await order('oosterwijck', 'BUY', 4, '124.00', { simulationSeed: 'hang' })
        await order('clusius', 'SELL', 2, '126.00', { simulationSeed: 'cancel' })
        await order('leeuwenhoek', 'SELL', 1, '125.00', { simulationSeed: 'poison-balance' })
        await until('the poisoned adjustment is put aside', async () => (await api('GET', '/api/dlq')).body.depth > 0, 60)
    })()
    return history
}

async function settled(page) {
    await page.locator('[aria-label^="Region"].feed-live').waitFor()
    await until('nothing is loading', async () => (await page.locator('.skeleton, [aria-busy=true]').count()) === 0)
    await page.evaluate(() => document.fonts.ready)
    await page.waitForLoadState('load')
}

export const tests = {}
for (const theme of ['light', 'dark']) {
    for (const [size, width, height] of sizes) {
        tests[`every screen is sound, ${theme}, ${width} px`] = async (browser) => {
            await someHistory()
            const page = await newPage(browser, { width, height, theme })
            const elsewhere = []
            page.on('request', (request) => {
                const url = request.url()
                if (!url.startsWith(base) && !/^(data|blob):/.test(url)) elsewhere.push(url)
            })
            for (const [name, route] of screens) {
                await open(page, route)
                await settled(page)
                const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
                assert.ok(wide <= 0, `${name} is ${wide} px too wide`)
                assert.doesNotMatch(await page.locator('body').innerText(), /Alex Trader/i)
                await page.screenshot({ path: join(pictures, `${name}-${theme}-${size}.png`) })
                assert.deepEqual(await axe(page), [], `axe on ${name}`)
            }
            assert.deepEqual(page.faults, [])
            assert.deepEqual(elsewhere, [], 'nothing comes from anywhere but the server')
        }
    }
}

/** Every menu and dialog: where it is, how it is opened, what shows that it is there. Escape closes each. */
const dialogs = [
    ['persona-menu', '/orders', (page) => page.getByRole('button', { name: /Trading as/ }), (page) => page.getByRole('menu')],
    [
        'ledger',
        '/orders',
        (page) => page.getByRole('button', { name: /Cash Balance/ }),
        (page) => page.getByRole('dialog').getByText('Still to settle'),
    ],
    [
        'order',
        '/orders',
        (page) => page.getByRole('button', { name: /details/ }).nth(5),
        (page) => page.getByRole('dialog').getByText('Received and durable'),
    ],
    ['cancel-open', '/orders', (page) => page.getByRole('button', { name: 'Cancel open' }), (page) => page.getByRole('dialog')],
    [
        'user-edit',
        '/settings/users',
        (page) => page.getByRole('button', { name: 'Edit Carolus Clusius' }),
        (page) => page.locator('.user-editing'),
    ],
    [
        'user-delete',
        '/settings/users',
        (page) => page.getByRole('button', { name: 'Delete Carolus Clusius' }),
        (page) => page.getByRole('dialog'),
    ],
    ['discard', '/resilience', (page) => page.getByRole('button', { name: /^Discard/ }).first(), (page) => page.getByRole('dialog')],
]

for (const theme of ['light', 'dark']) {
    for (const [size, width, height] of sizes) {
        tests[`every menu and dialog is sound, ${theme}, ${width} px`] = async (browser) => {
            await someHistory()
            const page = await newPage(browser, { theme, width, height })
            let at = ''
            for (const [name, route, opener, opened] of dialogs) {
                if (at !== route) {
                    await open(page, route)
                    await settled(page)
                    at = route
                }
                await opener(page).click()
                await opened(page).waitFor()
                const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
                assert.ok(wide <= 0, `${name} is ${wide} px too wide`)
                const box = await opened(page).boundingBox()
                assert.ok(box.x >= 0 && box.x + box.width <= width, `${name} lies in sight`)
                assert.deepEqual(await axe(page), [], `axe on ${name}`)
                await page.screenshot({ path: join(pictures, `${name}-${theme}-${size}.png`) })
                if (name === 'user-edit') await page.getByRole('button', { name: 'Cancel', exact: true }).click()
                else await page.keyboard.press('Escape')
                await opened(page).waitFor({ state: 'detached' })
            }
            assert.deepEqual(page.faults, [])
        }
    }
}

const cueNames = ['az-blip', 'region-outage', 'partition-reconcile', 'backpressure', 'time-to-accept', 'balance-unavailable']

tests['each cue shows itself'] = async (browser) => {
    // Real trouble is made in trouble.mjs; here each cue's answer is put in by hand, for its picture and for axe.
    await someHistory()
    const words = {
        'az-blip': 'A part of the system is being restarted; the page may stand still for a moment.',
        'region-outage': 'This region cannot take or fill orders right now; they are queued and retried.',
        'partition-reconcile': 'Regions disagree and are being reconciled.',
        backpressure: 'More orders wait than are filled; new ones may be refused for a while.',
        'time-to-accept': 'Orders take longer than usual to be accepted.',
        'balance-unavailable': 'Balances are not being updated right now; the last known ones are shown.',
    }
    const data = {
        'az-blip': { missing: ['simfill'], databaseUp: true },
        'region-outage': { missing: ['sequencer'], databaseUp: true },
        'partition-reconcile': { divergentTrades: 3, compensated: 1 },
        backpressure: { backlog: 12400, queueDepth: 310, refusedRecently: 18 },
        'time-to-accept': { p99Ms: 840, limitMs: 250 },
        'balance-unavailable': {},
    }
    for (const theme of ['light', 'dark']) {
        for (const id of cueNames) {
            const page = await newPage(browser, { theme })
            await page.route('**/api/status', async (route) => {
                const answer = await route.fetch()
                const status = await answer.json()
                const cue = status.cues.find((one) => one.id === id)
                Object.assign(cue, {
                    active: true,
                    since: new Date(Date.now() - 4000).toISOString(),
                    message: words[id],
                    data: data[id],
                })
                if (id === 'partition-reconcile') {
                    const here = status.regions[0]
                    status.regions.push({ ...here, region: 'us-2', state: 'DEGRADED', lastSeq: here.lastSeq - 2, replicationLagSeq: 5 })
                }
                await route.fulfill({ response: answer, json: status })
            })
            if (id === 'partition-reconcile') {
                await page.route('**/api/trades?**', async (route) => {
                    const answer = await route.fetch()
                    const list = await answer.json()
                    for (const trade of list.items.slice(0, 3)) trade.flags = ['DIVERGENT']
                    for (const trade of list.items.slice(3, 4)) trade.flags = ['COMPENSATED']
                    await route.fulfill({ response: answer, json: list })
                })
            }
            await open(page, id === 'partition-reconcile' ? '/resilience' : id === 'balance-unavailable' ? '/portfolio' : '/orders')
            await settled(page)
            await until(`${id} is shown`, async () =>
                id === 'az-blip' || id === 'time-to-accept'
                    ? page.locator(`.cue-pill[data-cue="${id}"]`).isVisible()
                    : page.locator('.banner').first().isVisible(),
            )
            if (id === 'region-outage') await page.getByText('Queued → retrying').first().waitFor()
            if (id === 'az-blip') await page.locator('.frozen').waitFor()
            if (id === 'partition-reconcile')
                await page.getByRole('region', { name: 'Reconciliation' }).getByText('Divergent').first().waitFor()
            assert.deepEqual(await axe(page), [], `axe with ${id}`)
            if (theme === 'light') await page.screenshot({ path: join(pictures, `cue-${id}.png`) })
            await page.unrouteAll({ behavior: 'ignoreErrors' }) // one may be answering just now
            await page.context().close()
        }
    }
}
