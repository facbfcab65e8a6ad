// Many orders and many events: the page stays quick. Figures are printed; what is asserted are bounds far from them.
import assert from 'node:assert/strict'
import { api, newPage, open, order, until } from './lib.mjs'

const people = ['clusius', 'oosterwijck', 'leeuwenhoek']

async function atLeast(count) {
    const newest = (await api('GET', '/api/orders?limit=1')).body.items[0]
    const missing = count - (newest?.seq ?? 0)
    let next = 0
    const worker = async () => {
        while (next++ < missing) await order(people[next % 3], next % 2 ? 'BUY' : 'SELL', 1, (120 + (next % 500) / 100).toFixed(2))
    }
    await Promise.all(Array.from({ length: 32 }, worker))
}

/** The gaps between frames while `work` runs, in ms. */
async function frames(page, work) {
    await page.evaluate(() => {
        window.gaps = []
        let last = performance.now()
        const step = (now) => {
            window.gaps?.push(now - last)
            last = now
            if (window.gaps) requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
    })
    await work()
    const gaps = await page.evaluate(() => {
        const all = window.gaps
        window.gaps = null
        return all
    })
    gaps.sort((a, b) => a - b)
    const at = (share) => Math.round(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))])
    return { median: at(0.5), p95: at(0.95), worst: at(1) }
}

export const tests = {
    'ten thousand orders scroll, and only those in sight are in the document': async (browser) => {
        await atLeast(10_300) // some sequence numbers are cancel requests, not orders
        const page = await newPage(browser)
        await open(page, '/orders')
        const scroller = page.locator('.order-scroll')
        await scroller.locator('.order-row').first().waitFor()
        const result = await frames(page, async () => {
            await until(
                'ten thousand are loaded',
                async () => {
                    await scroller.evaluate((element) => (element.scrollTop = element.scrollHeight))
                    return (await scroller.evaluate((element) => element.scrollHeight)) >= 10_000 * 32
                },
                90,
            )
        })
        const inDocument = await page.locator('.order-row').count()
        assert.ok(inDocument < 100, `${inDocument} rows in the document`)
        const smooth = await frames(page, () =>
            scroller.evaluate(async (element) => {
                for (let i = 0; i < 120; i++) {
                    element.scrollTop = (element.scrollHeight * i) / 120
                    await new Promise((resolve) => requestAnimationFrame(resolve))
                }
            }),
        )
        assert.ok(smooth.median < 100, `median frame ${smooth.median} ms`)
        return `frames while loading ${result.median}/${result.p95} ms, while scrolling ${smooth.median}/${smooth.p95} ms (median/p95), ${inDocument} rows in the document`
    },

    'two hundred events a second: typing and frames go on': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/orders')
        await page.locator('.feed-live').waitFor()
        let sent = 0
        let running = true
        // Three to four events an order: 60 orders a second are more than 200 events.
        const load = (async () => {
            const started = Date.now()
            while (running) {
                const due = ((Date.now() - started) / 1000) * 60
                if (sent >= due) await new Promise((resolve) => setTimeout(resolve, 5))
                else {
                    sent++
                    order(people[sent % 3], sent % 2 ? 'BUY' : 'SELL', 1, (110 + (sent % 300) / 100).toFixed(2)).catch(() => {})
                }
            }
        })()
        let typed
        const result = await frames(page, async () => {
            await new Promise((resolve) => setTimeout(resolve, 1500))
            const before = Date.now()
            await page.getByLabel('Quantity').fill('123')
            await page.getByText('Enter a price').waitFor({ state: 'detached' })
            typed = Date.now() - before
            await new Promise((resolve) => setTimeout(resolve, 3500))
        })
        running = false
        await load
        const newest = (await api('GET', '/api/orders?limit=1')).body.items[0]
        await until(
            'the page shows the newest order',
            async () =>
                (await page.locator('.order-space .order-row .c-id').first().textContent()) >= newest.orderId ||
                (await page
                    .locator('.order-space .order-row')
                    .filter({ has: page.locator(`[title="${newest.orderId}"]`) })
                    .count()) > 0,
            20,
        )
        assert.ok(typed < 2000, `typing took ${typed} ms`)
        assert.ok(result.median < 200, `median frame ${result.median} ms`)
        assert.deepEqual(page.faults, [])
        return `${sent} orders in 5 s; frames ${result.median}/${result.p95}/${result.worst} ms (median/p95/worst), typing ${typed} ms`
    },
}
