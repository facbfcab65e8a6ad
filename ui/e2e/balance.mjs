// TB-203 against real actors.
import assert from 'node:assert/strict'
import { api, newPage, open, order, until } from './lib.mjs'

const widget = (page) => page.getByRole('button', { name: /Cash Balance/ })
const cents = (text) => {
    const match = /fl\s*(−?)([\d,]+)\.(\d\d)/.exec(text.replace(/\s+/g, ' '))
    assert.ok(match, `no amount in ${JSON.stringify(text)}`)
    return (match[1] ? -1 : 1) * Number(match[2].replaceAll(',', '') + match[3])
}
const served = (text) => Math.round(Number(text) * 100)

/** Whom tests have made: run.mjs removes them when a test is over. */
export const visitors = []

/** A persona of its own, so that other tests' orders do not move its cash. */
export async function somebody(page, name = 'Balance') {
    const displayName = `${name} ${Date.now().toString(36)}`
    const { body } = await api('POST', '/api/personas', { displayName })
    visitors.push(body.userId)
    await page.addInitScript((id) => localStorage.getItem('tb.persona') ?? localStorage.setItem('tb.persona', id), body.userId)
    return body
}

export const tests = {
    'the header shows the balance, and each filled order moves it by exactly price × quantity': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page)
        await open(page, '/orders')
        await until('the opening balance', async () => cents(await widget(page).innerText()) === 1000000)
        assert.match(await widget(page).innerText(), /Cash Balance: fl 10,000/)
        await page.getByLabel('Quantity').fill('10')
        await page.getByLabel('Price, fl').fill('124.20')
        await page.getByRole('button', { name: 'Buy 10 at 124.20' }).click()
        await until('cash went down', async () => cents(await widget(page).innerText()) === 1000000 - 124200)
        // Somebody else's client, nothing pressed here: the feed alone.
        await order(me.userId, 'SELL', 3, '0.07')
        await until('cash went up', async () => cents(await widget(page).innerText()) === 1000000 - 124200 + 21)
        assert.equal(served((await api('GET', `/api/balances/${me.userId}`)).body.currentBalance), 1000000 - 124200 + 21)

        await widget(page).click()
        const rows = page.getByRole('dialog').locator('tbody tr')
        assert.equal(await rows.count(), 3)
        assert.match(await rows.nth(0).innerText(), /Sell[\s\S]*3 at 0\.07[\s\S]*\+0\.21[\s\S]*8,758\.21/)
        assert.match(await rows.nth(2).innerText(), /Opening balance/)
        assert.equal(await widget(page).locator('.spark-down').count(), 1)
        assert.equal(await widget(page).locator('.spark-up').count(), 2)
        await page.keyboard.press('Escape')

        await page.getByRole('link', { name: 'Portfolio' }).click()
        const panel = page.getByRole('region', { name: 'Portfolio overview' })
        await panel.getByText('Total value').waitFor()
        const last = served((await api('GET', '/api/market')).body.lastPrice)
        await until('total value = 7 × last price + cash', async () => {
            const total = cents(await panel.locator('.worth-total').innerText())
            const now = served((await api('GET', '/api/market')).body.lastPrice)
            return total === 7 * now + 875821 || total === 7 * last + 875821
        })
        const bar = await page.getByTestId('allocation').getAttribute('aria-label')
        const shares = [...bar.matchAll(/-?\d+\.\d\d/g)].map((match) => Math.round(Number(match[0]) * 100))
        assert.equal(shares[0] + shares[1], 10000, bar)
    },

    'a balance call that fails: warning banner, last value greyed, and back again': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page)
        await open(page, '/portfolio')
        await until('the opening balance', async () => cents(await widget(page).innerText()) === 1000000)
        const problem = {
            type: '/problems/store-unavailable',
            title: 'The store cannot be reached',
            status: 503,
            detail: 'The store cannot be reached',
            code: 'STORE_UNAVAILABLE',
            retryable: true,
        }
        await page.route('**/api/balances/**', (route) =>
            route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
        )
        await order(me.userId, 'BUY', 1, '1.00') // makes the page read again
        await page.getByText('The balance could not be refreshed.').waitFor()
        assert.match(await widget(page).getAttribute('class'), /balance-stale/)
        assert.match(await widget(page).innerText(), /as of \d+ s ago/)
        await page.unroute('**/api/balances/**')
        await page.getByText('The balance could not be refreshed.').waitFor({ state: 'detached' })
        await until('the present balance', async () => cents(await widget(page).innerText()) === 999900)
    },
}
