// TB-201 and TB-202 against real actors.
import assert from 'node:assert/strict'
import { api, base, newPage, open, until } from './lib.mjs'

const seeds = [
    ['clusius', 'Carolus Clusius'],
    ['oosterwijck', 'Maria van Oosterwijck'],
    ['leeuwenhoek', 'Antonie van Leeuwenhoek'],
]
const trigger = (page) => page.getByRole('button', { name: /Trading as/ })

/** Width and height as the PNG itself says them. */
function pngSize(bytes) {
    return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
}

export const tests = {
    'the seed portraits are 64×64 PNG files of at most 10,240 bytes, and 128×128 for dense screens': async () => {
        for (const [id] of seeds) {
            for (const [file, side, most] of [
                [`${id}.png`, 64, 10240],
                [`${id}@2x.png`, 128, 40960],
            ]) {
                const response = await fetch(`${base}/avatars/seed/${file}`)
                assert.equal(response.status, 200, file)
                assert.equal(response.headers.get('content-type'), 'image/png')
                const bytes = Buffer.from(await response.arrayBuffer())
                assert.deepEqual(pngSize(bytes), [side, side], file)
                assert.ok(bytes.length <= most, `${file}: ${bytes.length} bytes`)
            }
        }
    },

    'the dropdown shows the three personas with portraits, marks the current one and switches without a reload': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/orders')
        await page.evaluate(() => (window.notReloaded = true))
        await trigger(page).click()
        for (const [, name] of seeds) {
            const item = page.getByRole('menuitemradio', { name })
            assert.equal(await item.locator('img').evaluate((img) => img.naturalWidth > 0), true, `${name}'s portrait`)
        }
        assert.equal(await page.getByRole('menuitemradio', { name: 'Carolus Clusius' }).getAttribute('aria-checked'), 'true')
        await page.getByRole('menuitemradio', { name: 'Maria van Oosterwijck' }).click()
        await page.getByText('as Maria van Oosterwijck').waitFor()
        assert.equal(await page.evaluate(() => window.notReloaded), true)
        const box = await trigger(page).locator('img').boundingBox()
        assert.deepEqual([box.width, box.height], [32, 32])

        await page.getByLabel('Quantity').fill('3')
        await page.getByLabel('Price, fl').fill('101.50')
        await page.getByRole('button', { name: 'Buy 3 at 101.50' }).click()
        const row = page.getByRole('row', { name: /Submitted by Maria van Oosterwijck.*Buy.*3.*101\.50/ }).first()
        await row.waitFor()
        assert.equal(await row.locator('img').evaluate((img) => img.naturalWidth > 0), true)
        const stored = (await api('GET', '/api/orders?userId=oosterwijck&limit=1')).body.items[0]
        assert.equal(stored.userId, 'oosterwijck')
        assert.equal(stored.persona.displayName, 'Maria van Oosterwijck')
        assert.equal(stored.price, '101.50')

        await page.reload()
        await page.getByRole('button', { name: 'Trading as Maria van Oosterwijck. Switch persona' }).waitFor()
    },

    'a user is added, edited, shown in the dropdown, and removed after a question': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/')
        await page.getByRole('link', { name: 'Users', exact: true }).click()
        const name = `Judith ${Date.now().toString(36)}`
        const card = page.getByRole('region', { name: 'New user' })
        await card.getByLabel('Name').fill(name)
        await card.getByLabel('Description').fill('Painter of merry company')
        await card.getByRole('button', { name: 'Add user' }).click()
        const users = page.getByRole('region', { name: 'Users' })
        await users.getByText(name).waitFor()
        await trigger(page).click()
        await page.getByRole('menuitemradio', { name: new RegExp(name) }).click()
        await page.getByRole('button', { name: `Trading as ${name}. Switch persona` }).waitFor()
        await until('the opening balance is shown', async () =>
            /fl 10,000\.00/.test(await page.getByRole('button', { name: /Cash Balance/ }).innerText()),
        )

        await page.getByRole('button', { name: `Edit ${name}` }).click()
        await users.getByLabel('Name').fill(`${name} Leyster`)
        await users.getByRole('button', { name: 'Save' }).click()
        await page.getByRole('button', { name: `Trading as ${name} Leyster. Switch persona` }).waitFor()

        await page.getByRole('button', { name: `Delete ${name} Leyster` }).click()
        await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
        await page.getByRole('dialog').waitFor({ state: 'detached' })
        await users.getByText(`${name} Leyster`).waitFor({ state: 'detached' })
        assert.ok(!(await api('GET', '/api/personas')).body.items.some((one) => one.displayName.startsWith(name)))
        assert.deepEqual(page.faults, [])
    },

    'a picture is previewed before it is saved; the server takes it, or the page says that it cannot yet': async (browser) => {
        const page = await newPage(browser)
        await open(page, '/settings/users')
        const portrait = Buffer.from(await (await fetch(`${base}/avatars/seed/oosterwijck@2x.png`)).arrayBuffer())
        const name = `Rachel ${Date.now().toString(36)}`
        const card = page.getByRole('region', { name: 'New user' })
        await card.getByLabel('Avatar picture').setInputFiles({ name: 'rachel.png', mimeType: 'image/png', buffer: portrait })
        const preview = card.getByAltText('Preview of rachel.png')
        await until('the preview is drawn', () => preview.evaluate((img) => img.complete && img.naturalWidth === 128))
        await card.getByLabel('Name').fill(name)
        await card.getByRole('button', { name: 'Add user' }).click()
        await page.getByText(new RegExp(`${name} was added\\.`)).waitFor()
        const made = (await api('GET', '/api/personas')).body.items.find((one) => one.displayName === name)
        const explained = await page.getByText(/does not take pictures yet/).count()
        assert.equal(explained > 0, made.avatarUrl === null, 'either the picture is there, or its absence is explained')
        if (made.avatarUrl) {
            const picture = page.getByRole('region', { name: 'Users' }).getByRole('listitem').filter({ hasText: name }).locator('img')
            await until('the saved picture is shown', () => picture.evaluate((img) => img.naturalWidth === 128))
        }
        await card.getByLabel('Avatar picture').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.alloc(204801) })
        await page.getByText('Not a PNG or JPEG picture.').waitFor()
        assert.equal((await api('DELETE', `/api/personas/${made.userId}`)).status, 204)
        return made.avatarUrl ? 'taken' : 'explained'
    },
}
