// Renders the seed portraits from avatars/*.svg to public/avatars/seed/: NAME.png (64 px, at most 10240 bytes) and NAME@2x.png (128 px).
import { Resvg } from '@resvg/resvg-js'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ui = dirname(dirname(fileURLToPath(import.meta.url)))
const target = join(ui, 'public/avatars/seed')
const BYTES_MAX = 10240
// Further sizes to look at go to the folder given as argument: node scripts/avatars.mjs /tmp/look 32 24
const [look, ...sizes] = process.argv.slice(2)

mkdirSync(target, { recursive: true })
if (look) mkdirSync(look, { recursive: true })
for (const file of readdirSync(join(ui, 'avatars')).filter((name) => name.endsWith('.svg'))) {
    const name = file.slice(0, -4)
    const svg = readFileSync(join(ui, 'avatars', file), 'utf8')
    const png = (width) => new Resvg(svg, { fitTo: { mode: 'width', value: width } }).render().asPng()
    const small = png(64)
    if (small.length > BYTES_MAX)
        throw new Error(`${name}.png has ${small.length} bytes, at most ${BYTES_MAX} are allowed: simplify the drawing`)
    writeFileSync(join(target, `${name}.png`), small)
    writeFileSync(join(target, `${name}@2x.png`), png(128))
    for (const size of sizes) writeFileSync(join(look, `${name}-${size}.png`), png(Number(size)))
    console.log(`${name}: 64 px ${small.length} bytes`)
}
