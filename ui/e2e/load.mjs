// Many orders and many events: the page stays quick. Figures are printed; asserted are ratios to the same page at rest, and how often it renders.
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

/** What the browser was busy with while `work` runs: gaps between frames and tasks over 50 ms, in ms, and how often the orders table changed. */
async function frames(page, work) {
    await page.evaluate(() => {
        window.gaps = []
        window.long = []
        window.changes = 0
        window.tasks = new PerformanceObserver((list) => window.long.push(...list.getEntries().map((entry) => entry.duration)))
        window.tasks.observe({ type: 'longtask' })
        window.changed = new MutationObserver(() => window.changes++)
        window.changed.observe(document.querySelector('.order-space'), { childList: true, subtree: true, characterData: true })
        let last = performance.now()
        const step = (now) => {
            window.gaps?.push(now - last)
            last = now
            if (window.gaps) requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
    })
    await work()
    const { gaps, long, changes } = await page.evaluate(() => {
        const all = { gaps: window.gaps, long: window.long, changes: window.changes }
        window.gaps = null
        window.tasks.disconnect()
        window.changed.disconnect()
        return all
    })
    gaps.sort((a, b) => a - b)
    const at = (share) => Math.round(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))])
    const longest = Math.round(Math.max(0, ...long))
    return { count: gaps.length, median: at(0.5), p95: at(0.95), worst: at(1), long: long.length, longest, changes }
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
        const idle = await frames(page, () => new Promise((resolve) => setTimeout(resolve, 1000)))
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
        assert.ok(smooth.median <= 50 + 4 * idle.median, `median frame ${smooth.median} ms, at rest ${idle.median} ms`)
        return `frames while loading ${result.median}/${result.p95} ms, while scrolling ${smooth.median}/${smooth.p95}/${smooth.worst} ms (median/p95/worst), ${smooth.long} tasks over 50 ms, ${inDocument} rows in the document`
    },

    'two hundred events a second: typing and frames go on': async (browser) => {
        await atLeast(1)
        const page = await newPage(browser)
        await open(page, '/orders')
        await page.locator('.feed-live').waitFor()
        await page.locator('.order-space .order-row').first().waitFor()
        const idle = await frames(page, () => new Promise((resolve) => setTimeout(resolve, 1000)))
        const heads = async () => {
            const streams = ['orders', 'executions', 'balances']
            const lists = await Promise.all(streams.map((stream) => api('GET', `/api/events?stream=${stream}&limit=1`)))
            return lists.reduce((sum, list) => sum + list.body.lastSeq, 0)
        }
        const before = await heads()
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
            const began = Date.now()
            await page.getByLabel('Quantity').fill('123')
            await page.getByText('Enter a price').waitFor({ state: 'detached' })
            typed = Date.now() - began
            await new Promise((resolve) => setTimeout(resolve, 3500))
        })
        running = false
        await load
        const events = (await heads()) - before
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
        // Against the same page at rest, on the same machine at the same time.
        assert.ok(typed < 1000 + 20 * idle.median, `typing took ${typed} ms`)
        assert.ok(result.median <= 100 + 4 * idle.median, `median frame ${result.median} ms, at rest ${idle.median} ms`)
        // However many events a frame brings, the table changes once in it (and once more when somebody types or a flash ends).
        assert.ok(result.changes <= 2 * result.count + 20, `${result.changes} changes of the table in ${result.count} frames`)
        assert.deepEqual(page.faults, [])
        return `${sent} orders, ${events} events in 5 s; frames ${result.median}/${result.p95}/${result.worst} ms (median/p95/worst), ${result.changes} changes of the table in ${result.count} frames, ${result.long} tasks over 50 ms, the longest ${result.longest} ms; typing ${typed} ms`
    },
}
