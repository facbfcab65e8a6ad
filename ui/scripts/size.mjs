// The script a browser loads for the start screen, gzipped: the entry and what it imports at once. Charts and other screens come later.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const LIMIT = 200 * 1024
const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist')
const page = readFileSync(join(dist, 'index.html'), 'utf8')

const wanted = [...page.matchAll(/<(?:script|link)[^>]+(?:src|href)="\/([^"]+\.js)"/g)].map((match) => match[1])
const seen = new Map()
while (wanted.length > 0) {
    const file = wanted.pop()
    if (seen.has(file)) continue
    const text = readFileSync(join(dist, file), 'utf8')
    seen.set(file, gzipSync(text).length)
    // import … from "./x.js" and import "./x.js": at once; import("./x.js"): later.
    for (const match of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) wanted.push(join(dirname(file), match[1]))
}
const total = [...seen.values()].reduce((sum, bytes) => sum + bytes, 0)
for (const [file, bytes] of seen) console.log(`${String(bytes).padStart(7)} ${file}`)
console.log(`${String(total).padStart(7)} of ${LIMIT} bytes of script, gzipped, for the start screen`)
if ([...seen.keys()].some((file) => /TimeChart/.test(file))) throw new Error('charts are loaded with the start screen')
if (/<script(?![^>]+src=)/.test(page) || / style="/.test(page)) throw new Error('index.html has an inline script or style')
if (total > LIMIT) throw new Error('too much script for the start screen')
