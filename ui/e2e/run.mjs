// The page in a real browser against a running system at TB_URL. One line a test, "N passed, M failed" at the end.
//   TB_URL=http://127.0.0.1:8080 node e2e/run.mjs [WORD…]      only tests whose file or name has one of the words
//   TB_URL=http://127.0.0.1:8080 node e2e/run.mjs --lane NAME  only that lane's: lanes run side by side, each on a system of its own
// Tests that stop and kill actors do so by the process ids of /api/status: the system must be a throw-away one on this machine.
// They are left out with TB_E2E_HARMLESS=1.
import { visitors } from './balance.mjs'
import { api, base, until, withBrowser } from './lib.mjs'

/** look: the screens as they are, on a system that nobody else uses. use: everything that is done, and what is broken. load: when the machine is quiet. */
const lanes = {
    look: ['screens'],
    use: ['serving', 'personas', 'balance', 'orders', 'resilience', 'trouble'],
    load: ['load'],
}
const chosen = process.argv[2] === '--lane' ? process.argv[3] : null
const words = chosen === null ? process.argv.slice(2) : []
const files = chosen === null ? Object.values(lanes).flat() : lanes[chosen]
if (!files) throw new Error(`there is no lane ${chosen}`)

await until(`${base} is ready`, async () => (await api('GET', '/health/ready').catch(() => null))?.status === 200, 60)

let passed = 0
const failed = []
await withBrowser(async (browser) => {
    for (const file of files) {
        const { tests } = await import(`./${file}.mjs`)
        for (const [name, test] of Object.entries(tests)) {
            const title = `${file}: ${name}`
            if (words.length > 0 && !words.some((word) => title.includes(word))) continue
            if (test.harmful && process.env.TB_E2E_HARMLESS === '1') continue
            const started = Date.now()
            try {
                const note = await test(browser)
                passed++
                console.log(`ok   ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)${note ? `: ${note}` : ''}`)
            } catch (error) {
                failed.push(title)
                console.log(
                    `FAIL ${title}\n     ${String(error?.stack ?? error)
                        .split('\n')
                        .slice(0, 12)
                        .join('\n     ')}`,
                )
            } finally {
                for (const context of browser.contexts()) await context.close()
                while (visitors.length > 0) await api('DELETE', `/api/personas/${visitors.pop()}`).catch(() => {})
            }
        }
    }
})
console.log(`${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0
