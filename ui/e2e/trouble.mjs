// Real trouble: actors are stopped and killed while the page is open. Cues appear, clear by themselves, and nothing is lost or doubled.
import assert from 'node:assert/strict'
import { api, newPage, open, until } from './lib.mjs'
import { somebody } from './balance.mjs'

async function pidsOf(name) {
    const { body } = await api('GET', '/api/status')
    const pids = body.actors.filter((actor) => actor.name === name && actor.pid > 1).map((actor) => actor.pid)
    assert.ok(pids.length > 0, `no ${name} is running`)
    return pids
}

function signal(pids, what) {
    for (const pid of pids) {
        try {
            process.kill(pid, what)
        } catch (error) {
            if (error.code !== 'ESRCH') throw error
        }
    }
}

async function ready() {
    await until('the system is ready', async () => (await api('GET', '/health/ready').catch(() => null))?.status === 200, 60)
}

async function ticket(page, quantity, price) {
    await page.getByLabel('Quantity').fill(String(quantity))
    await page.getByLabel('Price, fl').fill(price)
    await page.getByLabel('Price, fl').press('Control+Enter')
}

const ordersOf = async (userId) => (await api('GET', `/api/orders?userId=${userId}&limit=200`)).body.items
const balanceOf = async (userId) => (await api('GET', `/api/balances/${userId}`)).body

async function stopped(name, work) {
    const pids = await pidsOf(name)
    signal(pids, 'SIGSTOP')
    try {
        await work()
    } finally {
        signal(pids, 'SIGCONT')
    }
    await ready()
}

export const tests = {
    'balance is stopped: the cue appears, the balance is greyed, an order waits; it clears and the cash has moved once': async (
        browser,
    ) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Stopped balance')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.locator('.feed-live').waitFor()
        await stopped('balance', async () => {
            await page.getByText('Balance unavailable.').waitFor()
            await page.locator('.balance-stale').waitFor()
            await ticket(page, 2, '100.00')
            await page.locator('.placed').getByText('Accepted').waitFor()
            assert.equal((await balanceOf(me.userId)).currentBalance, '10000.00')
        })
        await page.getByText('Balance unavailable.').waitFor({ state: 'detached' })
        await until(
            'the cash has moved',
            async () => /9,800\.00/.test(await page.getByRole('button', { name: /Cash Balance/ }).innerText()),
            30,
        )
        assert.equal((await balanceOf(me.userId)).ledger.filter((entry) => entry.reason === 'ORDER_FILL').length, 1)
        await page.locator('.balance-stale').waitFor({ state: 'detached' })
    },

    'simfill is stopped: a blip, rows stand still, orders await their fill; then all is filled': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Stopped simfill')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.locator('.feed-live').waitFor()
        await stopped('simfill', async () => {
            await page.locator('[data-cue="az-blip"].cue-pill').waitFor()
            await page.locator('.frozen').waitFor()
            await ticket(page, 1, '100.00')
            await page.locator('.placed').getByText('Awaiting simulated fill').waitFor()
        })
        await page.locator('.placed').getByText('Accepted').waitFor({ timeout: 60_000 })
        await page.locator('[data-cue="az-blip"].cue-pill').waitFor({ state: 'detached' })
        await page.locator('.frozen').waitFor({ state: 'detached' })
    },

    'the sequencer is stopped for long: region outage, "Queued → retrying"; an order is unclear, its retry makes it one': async (
        browser,
    ) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Stopped sequencer')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.getByText('Simulated fill', { exact: true }).click()
        await page.getByLabel('How it is filled').selectOption('hang')
        await ticket(page, 1, '100.00')
        await page.locator('.placed').getByText('Awaiting simulated fill').waitFor()
        await page.getByLabel('How it is filled').selectOption('')
        await stopped('sequencer', async () => {
            await page.getByText('Region outage.').waitFor({ timeout: 60_000 })
            await page.getByText('Queued → retrying').first().waitFor()
            await ticket(page, 2, '100.00')
            await page.getByRole('button', { name: 'Retry safely' }).waitFor({ timeout: 60_000 })
        })
        await page.getByText('Region outage.').waitFor({ state: 'detached', timeout: 30_000 })
        const retry = page.getByRole('button', { name: 'Retry safely' })
        if (await retry.isVisible()) await retry.click()
        await retry.waitFor({ state: 'detached', timeout: 30_000 })
        await until('two orders, no more', async () => (await ordersOf(me.userId)).length === 2)
        await api('POST', '/api/orders/cancel-all', { userId: me.userId })
    },

    'the gateway is killed: the feed is never green meanwhile, comes back by itself, and what was missed is there': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Killed gateway')
        await open(page, `/orders?userId=${me.userId}`)
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.locator('.feed-live').waitFor()
        // Long enough for a person to see; its supervisor would have it back within a second.
        await stopped('gateway', async () => {
            await page.locator('.feed-late, .feed-down').first().waitFor()
            await page.locator('.feed-down').waitFor({ timeout: 60_000 })
            assert.equal(await page.locator('.feed-live').count(), 0)
            assert.match(await page.locator('.content').innerText(), /as of \d+ (s|min) ago/)
        })
        signal(await pidsOf('gateway'), 'SIGKILL')
        await ready()
        const made = await api('POST', '/api/orders', { userId: me.userId, side: 'BUY', quantity: 1, price: '77.00' })
        assert.equal(made.status, 201)
        await page.locator('.feed-live').waitFor({ timeout: 60_000 })
        await page.getByRole('row').filter({ hasText: '77.00' }).getByText('Accepted').waitFor({ timeout: 60_000 })
    },

    'simfill is killed while the page is open: the cue appears and clears, and the order placed meanwhile is filled once': async (
        browser,
    ) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Killed simfill')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.locator('.feed-live').waitFor()
        const cue = page.locator('[data-cue="az-blip"].cue-pill')
        // Its supervisor has it back in no time: it takes more than one death for a person to see it.
        await until('the cue is shown', async () => {
            const { body } = await api('GET', '/api/status')
            signal(
                body.actors.filter((actor) => actor.name === 'simfill' && actor.pid > 1).map((actor) => actor.pid),
                'SIGKILL',
            )
            return cue.isVisible()
        })
        await ticket(page, 3, '100.00')
        await page.locator('.placed').getByText('Accepted').waitFor({ timeout: 60_000 })
        await cue.waitFor({ state: 'detached', timeout: 30_000 })
        await until(
            'the cash has moved',
            async () => /9,700\.00/.test(await page.getByRole('button', { name: /Cash Balance/ }).innerText()),
            30,
        )
        const balance = await balanceOf(me.userId)
        assert.deepEqual([balance.currentBalance, balance.ledger.length], ['9700.00', 2])
        assert.equal((await ordersOf(me.userId)).length, 1)
        await ready()
    },

    'every actor is killed in turn while orders are placed: one order a submit, one movement an order': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Killed all')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        const actors = ['sequencer', 'simfill', 'balance', 'persona', 'reconciler', 'gateway']
        for (const name of actors) {
            signal(await pidsOf(name), 'SIGKILL')
            await ticket(page, 1, '10.00')
            const retry = page.getByRole('button', { name: 'Retry safely' })
            await until(
                `an order is placed although ${name} was killed`,
                async () => {
                    if (
                        (await retry.count()) > 0 &&
                        (await retry
                            .first()
                            .isEnabled()
                            .catch(() => false))
                    )
                        await retry
                            .first()
                            .click({ timeout: 1000 })
                            .catch(() => {})
                    return (
                        (await retry.count()) === 0 &&
                        (await page.locator('.placed, .toast-good').count()) > 0 &&
                        !(await page.getByRole('button', { name: 'Sending…' }).isVisible())
                    )
                },
                45,
            )
            await ready()
        }
        await until(
            'every order is settled',
            async () => {
                const balance = await balanceOf(me.userId)
                return balance.pendingDelta === '0.00' && balance.version === actors.length + 1
            },
            60,
        )
        const orders = await ordersOf(me.userId)
        assert.equal(orders.length, actors.length)
        assert.equal((await balanceOf(me.userId)).currentBalance, '9940.00')
        await until(
            'the page shows the same',
            async () => /9,940\.00/.test(await page.getByRole('button', { name: /Cash Balance/ }).innerText()),
            30,
        )
        await until('no banner is left', async () => (await page.locator('.banner').count()) === 0, 30)
        assert.deepEqual(page.faults, [])
    },

    'afterwards the invariants hold': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/resilience')
        const panel = page.getByRole('region', { name: 'Invariants' })
        await panel.getByText('All movements add up to zero').waitFor({ timeout: 60_000 })
        assert.equal(await panel.locator('li:not([data-ok])').count(), 0, await panel.innerText())
        await page.getByRole('button', { name: 'Verify replay' }).click()
        await page.getByText(/orders replay to the same hash/).waitFor({ timeout: 90_000 })
    },
}
for (const [name, test] of Object.entries(tests)) if (name !== 'afterwards the invariants hold') test.harmful = true
