import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SqlSession } from '../../shared/ports/index.ts'
import { gatherPieces } from '../../shared/postgres/gather-pieces.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let sql: SqlSession
beforeAll(async () => {
  server = await startTestPostgres()
  sql = await server.connect((await server.createDatabase()).connection)
})
afterAll(async () => {
  await sql[Symbol.asyncDispose]()
  await server.close()
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A socket: gives what there is, into the room that it is offered or memory of its own, and stops when it is told to. */
async function feed(bytes: Buffer, sizes: readonly number[], usesRoom: (piece: number) => boolean) {
  let isStopped = false
  let wasStopped = 0
  const gathered = gatherPieces(() => {
    isStopped = false
  })
  const feeding = (async () => {
    let at = 0
    for (let piece = 0; at < bytes.length; piece += 1) {
      for (; isStopped; wasStopped += 1) await turn()
      const room = gathered.room()
      const taken = bytes.subarray(at, at + Math.max(1, sizes[piece % sizes.length] ?? 1))
      const offered = room !== null && room.length >= taken.length && usesRoom(piece)
      if (offered) room.set(taken)
      isStopped = !gathered.add(offered ? room.subarray(0, taken.length) : Buffer.from(taken))
      at += taken.length
      if (piece % 3 === 0) await turn()
    }
    gathered.end(null)
  })()
  const read: Buffer[] = []
  const memory = new Set<ArrayBufferLike>()
  for await (const piece of gathered.pieces()) {
    memory.add(piece.buffer)
    // What is read meanwhile must not lie in what the reader has.
    await turn()
    await turn()
    read.push(Buffer.from(piece))
  }
  await feeding
  return { read: Buffer.concat(read), memory: memory.size, wasStopped }
}

const long = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, index) => (index * 7919) >>> 5))

it('bytes come out in their order, from two buffers, however they came in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 64 * 1024 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      async (sizes, every) => {
        const bytes = long.subarray(0, Math.max(...sizes) * 30)
        const { read, memory } = await feed(bytes, sizes, (piece) => piece % every === 0)
        expect(read.equals(bytes)).toBe(true)
        expect(memory).toBeLessThanOrEqual(2)
      },
    ),
    { numRuns: 60 },
  )
})

it('who does not stop when told to loses nothing', async () => {
  const gathered = gatherPieces(() => undefined)
  for (let at = 0; at < long.length; at += 100_000) gathered.add(Buffer.from(long.subarray(at, at + 100_000)))
  gathered.end(null)
  const read: Buffer[] = []
  for await (const piece of gathered.pieces()) read.push(Buffer.from(piece))
  expect(Buffer.concat(read).equals(long)).toBe(true)
})

it('an error comes behind the bytes that came before it', async () => {
  const gathered = gatherPieces(() => undefined)
  gathered.add(Buffer.from('before'))
  gathered.end(new Error('lost'))
  const pieces = gathered.pieces()
  expect(String((await pieces.next()).value)).toBe('before')
  await expect(pieces.next()).rejects.toThrow('lost')
})

it.each([true, false])('a COPY TO gives what the server has, to a slow reader too, lent: %s', async (lent) => {
  const rows = 'select i, repeat(md5(i::text), i % 9), E\'a,"b"\\n\' || i as text from generate_series(1, 60000) as i'
  const [digest, memory] = [createHash('sha256'), new Set<ArrayBufferLike>()]
  let pieces = 0
  for await (const piece of sql.copyOut(`copy (${rows}) to stdout (format csv)`, undefined, { lent })) {
    if (pieces++ % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    memory.add(piece.buffer)
    digest.update(piece)
  }
  // The judge writes the same CSV itself.
  const judge = `select i || ',' || case when i % 9 = 0 then '""' else repeat(md5(i::text), i % 9) end || E',"a,""b""\\n' || i || E'"\\n' as line`
  const { rows: lines } = await sql.query<{ line: string }>(`${judge} from generate_series(1, 60000) as i`)
  const expected = createHash('sha256').update(lines.map(({ line }) => line).join(''))
  expect(digest.digest('hex')).toBe(expected.digest('hex'))
  if (lent) expect(memory.size).toBeLessThanOrEqual(2)
  else expect(memory.size).toBeGreaterThan(2)
  expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})
