import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCsvProjector } from '../../shared/codecs/csv-project.ts'
import { copyText } from '../../shared/codecs/encoding.ts'
import type { ConnectorContext, Reader, Slice, Source } from '../../shared/connectors/contract.ts'
import { asTransferError, type ErrorCode } from '../../shared/errors/index.ts'
import { copyFromStatement } from '../../shared/load/copy-statement.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { forCopy } from '../support/for-copy.ts'
import type { KeptLog } from '../support/log.ts'

/** A key, which may be the split key, and a text. */
export type SeedRow = readonly [id: string | null, name: string | null]

export interface ReaderWorld<O> {
  context(signal: AbortSignal): ConnectorContext
  /** Puts the rows into the source, in place of those there were, and says how to read them. */
  seed(rows: readonly SeedRow[]): Promise<O>
  /** At least 30 MB in one slice, so that it can be stopped in the middle. */
  seedLarge(): Promise<O>
  withWrongPassword(options: O): O
  /** A table with two text columns is made here, into which slices are loaded. */
  readonly oracle: SqlSession
  readonly log: KeptLog
  /** Texts that no log line and no error may hold. */
  readonly secrets: readonly string[]
}

export interface ReaderSuite<O> {
  readonly start: () => Promise<ReaderWorld<O>>
  readonly wrongPasswordCode: ErrorCode
}

const cases: Readonly<Record<string, readonly SeedRow[]>> = {
  'no rows': [],
  'one row': [['1', 'only']],
  'skewed keys': [
    ...[...Array(300).keys()].map((key): SeedRow => [String(key), `n${key}`]),
    ['9223372036854775807', 'highest'],
    ['-9223372036854775808', 'lowest'],
  ],
  'null keys': [
    ['1', 'a'],
    [null, 'b'],
    ['5', 'c'],
    [null, 'd'],
  ],
  'only null keys': [
    [null, 'a'],
    [null, 'b'],
  ],
  'hostile texts': [
    ['1', ''],
    ['2', null],
    ['3', 'a"b,c\td\\e'],
    ['4', 'line\nline\r\nline'],
    ['5', '\\N'],
    ['6', '数据 💾'],
    ['7', ' blank '],
  ],
}

/** What every reader promises. A power it does not have is a skipped test, named in the output. */
export function describeReader<O>(reader: Reader<O>, suite: ReaderSuite<O>): void {
  describe(`reader ${reader.kind} keeps the contract`, () => {
    let world: ReaderWorld<O>
    const never = new AbortController().signal
    setMaxListeners(0, never)
    beforeAll(async () => {
      world = await suite.start()
      await world.oracle.query('drop table if exists contract_oracle')
      await world.oracle.query('create table contract_oracle (id text, name text)')
    })
    afterAll(() => world.oracle[Symbol.asyncDispose]())
    const open = (options: O, signal = never) =>
      reader.open(reader.options.parse(JSON.parse(JSON.stringify(options))), world.context(signal))

    test.each(Object.entries(cases))('slices cover every row once: %s', async (_, rows) => {
      const options = await world.seed(rows)
      for (const want of [
        { concurrent: 4, targetBytes: 64, arrived: null, increment: null },
        { concurrent: 1, targetBytes: 1024 ** 3, arrived: null, increment: null },
      ]) {
        await using source = await open(options)
        const { slices, decisions } = await source.split(want)
        expect(decisions.length).toBeGreaterThan(0)
        expect(
          await loadAll(
            source,
            slices.map((planned) => planned.slice),
          ),
        ).toEqual(sorted(rows))
      }
    })

    test('what a slice is said to hold is what it holds', async () => {
      await using source = await open(await world.seed(cases['hostile texts'] ?? []))
      const { slices } = await source.split({ concurrent: 2, targetBytes: 64, arrived: null, increment: null })
      for (const { slice, bytes, records } of slices) {
        const body = await bytesOf(source, slice)
        if (bytes !== null) expect(body.length).toBe(bytes)
        if (records !== null) expect(await loadAll(source, [slice])).toHaveLength(records)
      }
    })

    test('columns are those of the rows, or are left to the records', async () => {
      await using source = await open(await world.seed(cases['one row'] ?? []))
      const columns = await source.columns()
      expect(columns === null || columns.length).toBe(columns === null ? true : 2)
    })

    test('a slice survives JSON, and another process', async () => {
      const options = await world.seed(cases['skewed keys'] ?? [])
      await using planner = await open(options)
      const { slices } = await planner.split({ concurrent: 3, targetBytes: 64, arrived: null, increment: null })
      const copies = slices.map((planned) => JSON.parse(JSON.stringify(planned.slice)) as Slice)
      await using other = await open(options)
      expect(await loadAll(other, copies)).toHaveLength(302)
      // Each is told as what it is, and no two alike.
      const texts = await Promise.all(copies.map((slice) => other.describe(slice, other.offer(copyText))))
      expect(new Set(texts.map((text) => JSON.stringify(text))).size).toBe(copies.length)
      for (const text of texts) expect('statement' in text ? text.statement : text.object).toMatch(/select|oss:/)
    })

    test('reading a slice twice gives the same bytes', async ({ skip }) => {
      skip(!reader.repeatable, 'a second read may give other rows; slices are staged')
      await using source = await open(await world.seed(cases['skewed keys'] ?? []))
      const { slices } = await source.split({ concurrent: 3, targetBytes: 64, arrived: null, increment: null })
      for (const { slice } of slices) {
        expect((await bytesOf(source, slice)).equals(await bytesOf(source, slice))).toBe(true)
      }
    })

    test('an abort stops a read within a second', async () => {
      const abort = new AbortController()
      await using source = await open(await world.seedLarge(), abort.signal)
      const { slices } = await source.split({ concurrent: 1, targetBytes: 1024 ** 3, arrived: null, increment: null })
      const body = await source.read(slices[0]?.slice ?? {}, source.offer(copyText), abort.signal)
      let abortedAt = 0
      const drain = async () => {
        for await (const _ of body.body) {
          if (abortedAt !== 0) continue
          abortedAt = performance.now()
          abort.abort()
        }
      }
      const error = await drain().then(() => null, asTransferError)
      expect(error).not.toBeNull()
      expect(performance.now() - abortedAt).toBeLessThan(1000)
    })

    test('the rest of a slice is what was not consumed', async ({ skip }) => {
      await using source = await open(await world.seed(cases['skewed keys'] ?? []))
      if (source.rest === null) skip('this reader cannot resume a slice')
      const { slices } = await source.split({ concurrent: 1, targetBytes: 1024 ** 3, arrived: null, increment: null })
      const [first] = slices
      if (first === undefined) throw new Error('no slice')
      const body = await bytesOf(source, first.slice)
      const consumed = { bytes: body.indexOf('\n') + 1, records: 1 }
      const rest = source.rest?.(first.slice, consumed) ?? {}
      expect((await bytesOf(source, rest)).equals(body.subarray(consumed.bytes))).toBe(true)
    })

    test('what a slice is cut into holds its rows, each once', async ({ skip }) => {
      for (const rows of Object.values(cases)) {
        await using source = await open(await world.seed(rows))
        const cut = source.cutSmaller
        if (cut === null) return skip('this reader resumes a slice instead')
        const { slices } = await source.split({ concurrent: 1, targetBytes: 1024 ** 3, arrived: null, increment: null })
        let pieces: readonly Slice[] = slices.map(({ slice }) => ({ ...slice, snapshot: null }))
        for (let round = 0; round < 4; round += 1) {
          const next: Slice[] = []
          for (const piece of pieces) {
            const smaller = await cut(piece)
            next.push(...(smaller.length === 0 ? [piece] : smaller))
          }
          pieces = JSON.parse(JSON.stringify(next)) as Slice[]
          expect(await loadAll(source, pieces)).toEqual(sorted(rows))
        }
        if (rows.length > 100) expect(pieces.length).toBeGreaterThan(4)
        for (const piece of pieces) expect(piece).toHaveProperty('snapshot')
      }
    })

    test('columns are picked by name, in another order and more than once', async ({ skip }) => {
      const rows = cases['null keys'] ?? []
      await using source = await open(await world.seed(rows))
      const pick = source.pick
      if (pick === null) return skip('the columns of this reader have no names')
      const [id = '', name = ''] = ((await source.columns()) ?? []).map((column) => column.name)
      await using picked = pick(async () => [name.toUpperCase(), id, name])
      expect((await picked.columns())?.length).toBe(3)
      const { slices, decisions } = await picked.split({
        concurrent: 4,
        targetBytes: 64,
        arrived: null,
        increment: null,
      })
      expect(decisions).toContainEqual(expect.objectContaining({ what: expect.stringContaining('by name') }))
      await world.oracle.query('drop table if exists contract_picked')
      await world.oracle.query('create table contract_picked (name text, id text, again text)')
      for (const { slice } of slices) {
        const { encoding, body, newline } = await picked.read(slice, picked.offer(copyText), never)
        const projection = picked.projection?.(slice) ?? null
        const isPicked = projection !== null && 'fields' in projection && encoding.format === 'csv'
        const fields = isPicked ? createCsvProjector(encoding, newline, projection).stream(body) : body
        const table = { schema: null, table: 'contract_picked' }
        await world.oracle.copyIn(copyFromStatement(table, ['name', 'id', 'again'], forCopy(encoding)), fields)
      }
      const { rows: found } = await world.oracle.query<{ id: string; name: string; again: string }>(
        'select id, name, again from contract_picked',
      )
      expect(sorted(found.map((row): SeedRow => [row.id, row.name]))).toEqual(sorted(rows))
      expect(found.every((row) => row.again === row.name)).toBe(true)
    })

    test('a column that is not there is refused by the plan, with the nearest', async ({ skip }) => {
      await using source = await open(await world.seed(cases['one row'] ?? []))
      const pick = source.pick
      if (pick === null) return skip('the columns of this reader have no names')
      const [id = ''] = ((await source.columns()) ?? []).map((column) => column.name)
      await using picked = pick(async () => [`${id}x`])
      const failed = await picked
        .split({ concurrent: 1, targetBytes: 64, arrived: null, increment: null })
        .then(() => null, asTransferError)
      expect(failed).toMatchObject({
        code: 'source/column-missing',
        message: expect.stringMatching(
          new RegExp(`no column is called ${id}x \\(did you mean .*\\?\\); there are ${id}, `),
        ),
      })
    })

    test('a held snapshot hides what is written later', async ({ skip }) => {
      const rows = cases['null keys'] ?? []
      const options = await world.seed(rows)
      await using source = await open(options)
      if (source.holdSnapshot === null) skip('this reader holds no snapshot')
      await using held = (await source.holdSnapshot?.()) ?? null
      if (held === null) throw new Error('the server refused')
      const { slices } = await source.split({ concurrent: 4, targetBytes: 64, arrived: null, increment: null })
      await world.seed([['77', 'late']])
      const pinned = slices.map(({ slice }) => ({ ...slice, snapshot: held.token }))
      expect(await loadAll(source, pinned)).toEqual(sorted(rows))
    })

    test('a wrong password has its code, and no secret is told', async () => {
      const options = world.withWrongPassword(await world.seed(cases['one row'] ?? []))
      const work = async () => {
        await using source = await open(options)
        await source.split({ concurrent: 1, targetBytes: 1, arrived: null, increment: null })
      }
      const error = await work().then(() => null, asTransferError)
      expect(error).toMatchObject({ code: suite.wrongPasswordCode })
      const told = [...world.log.lines, JSON.stringify(error?.report()), String(error?.stack)].join('\n')
      for (const secret of world.secrets) expect(told).not.toContain(secret)
    })

    /** Loads slices through COPY, the oracle of what their bytes mean, and gives the rows sorted. */
    async function loadAll(source: Source, slices: readonly Slice[]) {
      await world.oracle.query('delete from contract_oracle')
      for (const slice of slices) {
        const { encoding, body } = await source.read(slice, source.offer(copyText), never)
        const statement = copyFromStatement(
          { schema: null, table: 'contract_oracle' },
          ['id', 'name'],
          forCopy(encoding),
        )
        await world.oracle.copyIn(statement, body)
      }
      const { rows } = await world.oracle.query<{ id: string | null; name: string | null }>(
        'select id, name from contract_oracle',
      )
      return sorted(rows.map((row): SeedRow => [row.id, row.name]))
    }

    async function bytesOf(source: Source, slice: Slice): Promise<Buffer> {
      const { body } = await source.read(slice, source.offer(copyText), never)
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      return Buffer.concat(pieces)
    }
  })
}

const sorted = (rows: readonly SeedRow[]) => rows.map((row) => JSON.stringify(row)).sort()
