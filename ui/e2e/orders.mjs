import assert from 'node:assert/strict'
import { api, newPage, open, order, until } from './lib.mjs'
import { somebody } from './balance.mjs'

const rows = (page) => page.getByRole('table', { name: 'Orders' }).getByRole('row')
const ordersOf = async (userId) => (await api('GET', `/api/orders?userId=${userId}&limit=200`)).body.items
const posts = (page) => {
    const seen = []
    page.on('request', (request) => {
        if (request.method() === 'POST' && new URL(request.url()).pathname === '/api/orders')
            seen.push(request.headers()['idempotency-key'])
    })
    return seen
}

export const tests = {
    'an order with the keyboard alone, and a plain Enter never submits twice': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Keyboard')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.keyboard.press('s')
        await page.keyboard.press('b')
        await page.keyboard.type('7')
        await page.keyboard.press('Tab')
        await page.keyboard.press('Tab')
        if ((await page.evaluate(() => document.activeElement.id)) !== 'ticket-price') await page.keyboard.press('Shift+Tab')
        await page.keyboard.type('88.80')
        await page.keyboard.press('Control+Enter')
        await until('the order is there', async () => (await ordersOf(me.userId)).length === 1)
        await page.locator('.placed').getByText('Accepted').waitFor()
        for (let i = 0; i < 5; i++) await page.keyboard.press('Enter')
        await page.keyboard.type('0')
        await page.keyboard.press('Backspace')
        await page.keyboard.press('Enter')
        await until('typing armed Enter again, once', async () => (await ordersOf(me.userId)).length === 2)
        for (let i = 0; i < 5; i++) await page.keyboard.press('Enter')
        await page.keyboard.press('Control+Enter')
        await until('Ctrl + Enter says: the same again', async () => (await ordersOf(me.userId)).length === 3)
        const [first] = await ordersOf(me.userId)
        assert.deepEqual([first.side, first.quantity, first.price], ['BUY', 7, '88.80'])
    },

    'orders of others appear by themselves, are accepted, and can be cancelled': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Watcher')
        await open(page, `/orders?userId=${me.userId}`)
        await page.getByText('No order fits the filters.').waitFor()
        await order(me.userId, 'BUY', 2, '50.00')
        const started = Date.now()
        await rows(page)
            .filter({ hasText: `Submitted by ${me.displayName}` })
            .waitFor()
        const appeared = Date.now() - started
        await rows(page).filter({ hasText: 'Accepted' }).waitFor()
        const { body: hanging } = await order(me.userId, 'SELL', 1, '51.00', { simulationSeed: 'hang' })
        const row = rows(page).filter({ hasText: '51.00' })
        await row.getByText('Awaiting simulated fill').waitFor()
        await row.getByRole('button', { name: `Cancel order ${hanging.orderId}` }).click()
        await row.getByText('Cancelled').waitFor()
        assert.equal((await api('GET', `/api/orders/${hanging.orderId}`)).body.status, 'CANCELLED')
        return `shown ${appeared} ms after its answer`
    },

    'an order in parts shows what is filled, and its story': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Parts')
        await open(page, `/orders?userId=${me.userId}`)
        await page.getByText(`as ${me.displayName}`).waitFor()
        await order(me.userId, 'BUY', 9, '20.00', { simulationSeed: 'partial:3' })
        const row = rows(page).filter({ hasText: '20.00' })
        await row.getByText('Accepted').waitFor()
        await row.getByRole('button', { name: /details/ }).click()
        const dialog = page.getByRole('dialog')
        await until('three trades and one cash movement', async () => {
            const text = await dialog.locator('.timeline').innerText()
            return (text.match(/Traded/g) ?? []).length === 3 && (text.match(/Cash moved/g) ?? []).length === 1
        })
    },

    'an answer lost on its way, then a reload: the page finds the order by its key, and there is one': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Lost answer')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.route('**/api/orders', async (route) => {
            if (route.request().method() !== 'POST') return route.fallback()
            await route.fetch() // it arrives; its answer does not
            await route.abort('connectionreset')
        })
        await page.route('**/api/orders/by-key?**', (route) => route.abort())
        await page.getByLabel('Quantity').fill('1')
        await page.getByLabel('Price, fl').fill('10.00')
        await page.getByLabel('Price, fl').press('Enter')
        await page.getByRole('button', { name: 'Retry safely' }).waitFor()
        await page.unroute('**/api/orders')
        await page.unroute('**/api/orders/by-key?**')
        await page.reload()
        await page.getByText(/It had arrived: order/).waitFor()
        await page.getByRole('button', { name: 'Retry safely' }).waitFor({ state: 'detached' })
        assert.equal((await ordersOf(me.userId)).length, 1)
    },

    'an order that never left: Retry safely after a reload sends the same key': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Never left')
        const keys = posts(page)
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        await page.route('**/api/orders', (route) => (route.request().method() === 'POST' ? route.abort() : route.fallback()))
        await page.getByLabel('Quantity').fill('1')
        await page.getByLabel('Price, fl').fill('11.00')
        await page.getByLabel('Price, fl').press('Enter')
        await page.getByRole('button', { name: 'Retry safely' }).waitFor()
        await page.unroute('**/api/orders')
        await page.reload()
        await page.getByText(/So far it is not on the server/).waitFor()
        await page.getByRole('button', { name: 'Retry safely' }).click()
        await until('the order is there', async () => (await ordersOf(me.userId)).length === 1)
        await page.getByRole('button', { name: 'Retry safely' }).waitFor({ state: 'detached' })
        assert.equal(keys.length, 2)
        assert.equal(keys[0], keys[1])
        assert.equal((await ordersOf(me.userId))[0].idempotencyKey, keys[0])
    },

    'the page is closed in the middle of sending: the next page of that browser takes the order up': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Closed')
        await open(page, '/orders')
        await page.getByText(`as ${me.displayName}`).waitFor()
        let sent = false
        await page.route('**/api/orders', async (route) => {
            if (route.request().method() !== 'POST' || sent) return route.fallback()
            sent = true // and nothing ever happens to it
        })
        await page.getByLabel('Quantity').fill('1')
        await page.getByLabel('Price, fl').fill('12.00')
        await page.getByLabel('Price, fl').press('Enter')
        await until('it is being sent', () => sent)
        await page.reload()
        await page.getByRole('button', { name: 'Retry safely' }).click()
        await until('one order', async () => (await ordersOf(me.userId)).length === 1)
    },

    'CSV holds what the filters show': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Csv')
        for (let i = 0; i < 3; i++) await order(me.userId, 'BUY', 1, `3${i}.00`)
        await open(page, `/orders?userId=${me.userId}`)
        await rows(page).nth(3).waitFor()
        const [download] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: 'CSV', exact: true }).click(),
        ])
        const { readFileSync } = await import('node:fs')
        const lines = readFileSync(await download.path(), 'utf8')
            .trim()
            .split('\r\n')
        assert.equal(lines.length, 4)
        assert.match(lines[0], /^orderId,/)
        assert.ok(lines.slice(1).every((line) => line.includes(me.userId)))
    },

    'somebody else’s equal order without a key is marked as a possible duplicate': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Twice')
        await open(page, `/orders?userId=${me.userId}`)
        await page.getByText(`as ${me.displayName}`).waitFor()
        const body = { userId: me.userId, side: 'BUY', quantity: 1, price: '13.00' }
        const first = (await api('POST', '/api/orders', body)).body
        await api('POST', '/api/orders', body)
        await page.getByText(`Duplicate of ${first.orderId}?`).waitFor()
    },
}
