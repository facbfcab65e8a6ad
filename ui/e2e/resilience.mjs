// The Resilience screen against real actors: what it shows is what runs, and what it offers works.
import assert from 'node:assert/strict'
import { api, newPage, open, order, until } from './lib.mjs'
import { somebody } from './balance.mjs'

export const tests = {
    'it shows every actor that runs, the six cues, the invariants and the replay': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/resilience')
        const actors = page.getByRole('region', { name: 'Actors' })
        const { body: status } = await api('GET', '/api/status')
        for (const actor of status.actors) {
            const row = actors
                .getByRole('row')
                .filter({ hasText: actor.name })
                .filter({ hasText: String(actor.pid) })
            await row.getByText('Ready').waitFor()
        }
        const cues = page.getByRole('region', { name: 'Cues' })
        await until('six quiet cues', async () => (await cues.getByText('Quiet').count()) === 6)
        const invariants = page.getByRole('region', { name: 'Invariants' })
        await invariants.getByText('I10').waitFor()
        assert.equal(await invariants.getByRole('listitem').count(), 10)
        await page.getByRole('button', { name: 'Verify replay' }).click()
        await page.getByText(/orders replay to the same hash/).waitFor({ timeout: 60_000 })
        assert.deepEqual(page.faults, [])
    },

    'a cash movement that keeps failing is a dead letter and an alarm; redriven from the page, the cash moves once': async (browser) => {
        const page = await newPage(browser)
        const me = await somebody(page, 'Dead letter')
        await open(page, '/resilience')
        const letters = page.getByRole('region', { name: 'Dead letters' })
        const made = (await order(me.userId, 'SELL', 2, '50.00', { simulationSeed: 'poison-balance' })).body
        const letter = letters.getByRole('listitem').filter({ hasText: made.orderId })
        await letter.getByText('fl +100.00').waitFor({ timeout: 60_000 })
        await page.getByRole('region', { name: 'Alarms' }).getByText('dlq-depth').waitFor({ timeout: 60_000 })
        assert.equal((await api('GET', `/api/balances/${me.userId}`)).body.currentBalance, '10000.00')
        await letter.getByRole('button', { name: /Redrive/ }).click()
        await letter.waitFor({ state: 'detached', timeout: 30_000 })
        await until('the header shows the cash', async () =>
            /10,100\.00/.test(await page.getByRole('button', { name: /Cash Balance/ }).innerText()),
        )
        const { body } = await api('GET', `/api/balances/${me.userId}`)
        assert.deepEqual([body.currentBalance, body.ledger.length], ['10100.00', 2])
        assert.deepEqual(page.faults, [])
    },
}
