/**
 * `npx tsx bench/json-lines.ts [--rows 300000] [--rounds 5]`: what JSON Lines cost on their way into COPY and out of it, on one core,
 * by CPU time and in memory. Rows are lineitem-like: 16 keys, about 360 bytes.
 */
import { parseArgs } from 'node:util'
import { arrayAsLines } from '../shared/codecs/json-lines/array-as-lines.ts'
import { encodeJsonLines } from '../shared/codecs/json-lines/encode.ts'
import { createJsonTranscoder } from '../shared/codecs/json-lines/transcode.ts'
import { rounded } from './measure.ts'

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '300000' }, rounds: { type: 'string', default: '5' } },
})
const rows = Number(values.rows)
const pieceBytes = 256 * 1024

/** By a generator of its own: the same rows in each run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const words =
  'carefully final deposits detect slyly above the quick ironic requests boost furiously even packages'.split(' ')

function lineitem(row: number, random: (below: number) => number): Record<string, unknown> {
  const day = () =>
    `199${random(8)}-${String(1 + random(12)).padStart(2, '0')}-${String(1 + random(28)).padStart(2, '0')}`
  const comment = [...Array(3 + random(4))].map(() => words[random(words.length)]).join(' ')
  return {
    l_orderkey: 1 + (row >> 2),
    l_partkey: 1 + random(200_000),
    l_suppkey: 1 + random(10_000),
    l_linenumber: 1 + (row & 3),
    l_quantity: 1 + random(50),
    l_extendedprice: (90_000 + random(10_000_000)) / 100,
    l_discount: random(11) / 100,
    l_tax: random(9) / 100,
    l_returnflag: 'ANR'[random(3)],
    l_linestatus: 'OF'[random(2)],
    l_shipdate: day(),
    l_commitdate: day(),
    l_receiptdate: day(),
    l_shipinstruct: ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'][random(4)],
    l_shipmode: ['TRUCK', 'MAIL', 'REG AIR', 'SHIP', 'RAIL', 'FOB', 'AIR'][random(7)],
    l_comment: random(10) === 0 ? `"${comment}"` : comment,
  }
}

const random = seeded(1)
const first = lineitem(0, random)
const keys = Object.keys(first)
const lines = [...Array(rows).keys()].map((row) => `${JSON.stringify(lineitem(row, random))}\n`)
const bytes = Buffer.from(lines.join(''))
const shuffled = Buffer.from(
  lines
    .map((line, row) => {
      const entries = Object.entries(JSON.parse(line) as object)
      const turned = [...entries.slice(row % 16), ...entries.slice(0, row % 16)].filter(
        (_, index) => index % 5 !== row % 5,
      )
      return `${JSON.stringify(Object.fromEntries(turned))}\n`
    })
    .join(''),
)

async function* pieces(of: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < of.length; at += pieceBytes) yield of.subarray(at, at + pieceBytes)
}

async function cpuOf(body: () => AsyncIterable<Uint8Array>): Promise<number> {
  const before = process.cpuUsage()
  for await (const _ of body());
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

const types = Object.values(first).map((value) => (typeof value === 'number' ? 'numeric' : 'text'))
const columns = keys.map((name, index) => ({ name, type: types[index] ?? 'text' }))
const transcoded = (of: Buffer, wanted: readonly string[]) => () => {
  const fields = wanted.map((key) => ({ key }))
  return createJsonTranscoder({ fields, columns: fields.map(() => 'plain') }).stream(pieces(of))
}
const copyBytes: Uint8Array[] = []
// A copy: each is overwritten by the next.
for await (const piece of transcoded(bytes, keys)()) copyBytes.push(Buffer.from(piece))
const copied = Buffer.concat(copyBytes)

/** `of`: the JSON, which is what MB/s count. */
const cases: Readonly<Record<string, { readonly of: Buffer; readonly body: () => AsyncIterable<Uint8Array> }>> = {
  'to COPY text, all keys': { of: bytes, body: transcoded(bytes, keys) },
  'to COPY text, three keys': { of: bytes, body: transcoded(bytes, ['l_comment', 'l_orderkey', 'l_shipdate']) },
  'to COPY text, keys in any order and missing': { of: shuffled, body: transcoded(shuffled, keys) },
  'elements of an array to lines': { of: bytes, body: () => arrayAsLines(pieces(bytes)) },
  'from COPY text': { of: bytes, body: () => encodeJsonLines(pieces(copied), columns, Number.MAX_SAFE_INTEGER) },
}

const best: Record<string, number> = {}
for (let round = 0; round < Number(values.rounds); round += 1)
  for (const [name, { body }] of Object.entries(cases))
    best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await cpuOf(body))
for (const [name, { of }] of Object.entries(cases)) {
  const seconds = best[name] ?? 0
  const speed = rounded(of.length / 1e6 / seconds)
  console.log(
    `${name}: ${speed} MB/s, ${rounded((seconds / rows) * 1e6)} µs a row of ${rounded(of.length / rows)} bytes`,
  )
}
