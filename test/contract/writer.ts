import { beforeAll, describe, expect, test } from 'vitest'
import type {
  ConnectorContext,
  CopyTarget,
  ObjectTarget,
  RowTarget,
  Target,
  Writer,
} from '../../shared/connectors/contract.ts'
import { asTransferError, type ErrorCode } from '../../shared/errors/index.ts'
import { copyFromStatement } from '../../shared/load/copy-statement.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import type { KeptLog } from '../support/log.ts'

export interface WriterWorld<O> {
  context(signal: AbortSignal): ConnectorContext
  /** A destination of two text columns, `id` and `name`, or a prefix with nothing under it. */
  fresh(): Promise<O>
  withWrongPassword(options: O): O
  /** A session in the destination's database; null for objects. */
  readonly session: SqlSession | null
  readonly log: KeptLog
  readonly secrets: readonly string[]
}

export interface WriterSuite<O> {
  readonly start: () => Promise<WriterWorld<O>>
  readonly kind: Target['kind']
  /** Of a destination of rows: what is in the one that `fresh` made last, by id. */
  readonly rows?: () => Promise<unknown[][]>
  readonly wrongPasswordCode: ErrorCode
}

/** What every writer promises. Its own modes are tested in the connector's file. */
export function describeWriter<O>(writer: Writer<O>, suite: WriterSuite<O>): void {
  describe(`writer ${writer.kind} keeps the contract`, () => {
    let world: WriterWorld<O>
    const never = new AbortController().signal
    beforeAll(async () => {
      world = await suite.start()
    })
    const open = (options: O) =>
      writer.open(writer.options.parse(JSON.parse(JSON.stringify(options))), world.context(never))

    test('options are parsed the same when parsed again', async () => {
      const once = writer.options.parse(await world.fresh())
      expect(writer.options.parse(JSON.parse(JSON.stringify(once)))).toEqual(once)
    })

    test('opening reaches nothing that it does not close', async () => {
      const target = await open(await world.fresh())
      expect(target.kind).toBe(suite.kind)
      await target[Symbol.asyncDispose]()
      await target[Symbol.asyncDispose]()
    })

    test('COPY into its columns takes what it prefers', async ({ skip }) => {
      skip(suite.kind !== 'copy', 'this writer takes objects or rows')
      const target = (await open(await world.fresh())) as CopyTarget
      const { session } = world
      if (session === null) throw new Error('a copy target needs a session')
      const columns = await target.columns()
      expect(await target.columns(session)).toEqual(columns)
      expect(target.refuses(target.preferred)).toBeNull()
      const names = columns.map((column) => column.name)
      expect(names).toEqual(['id', 'name'])
      const rows = async function* () {
        yield Buffer.from('1\ta\\tb\n2\t\\N\n')
      }
      const loaded = await session.copyIn(copyFromStatement(target.table, names, target.preferred), rows())
      expect(loaded.rows).toBe(2)
    })

    test('a chunk of rows is there once committed, once, and not before', async ({ skip }) => {
      if (suite.kind !== 'rows' || suite.rows === undefined) return skip('this writer takes COPY or objects')
      await using target = (await open(await world.fresh())) as RowTarget
      expect((await target.columns()).map((column) => column.name)).toEqual(['id', 'name'])
      expect((await target.statements()).chunk).toEqual([expect.stringMatching(/^insert into .*id.*name.*values/s)])
      expect(target.refuses(target.preferred)).toBeNull()
      await target.prepare()
      const id = { runId: 'r1', ordinal: 3, part: 0 }
      const body = async function* () {
        yield Buffer.from('1\ta\\tb')
        yield Buffer.from('\n2\t\\N\n')
      }
      {
        await using dropped = await target.openChunk(id)
        expect(await dropped.put(body())).toEqual({ copied: 2, loaded: 2 })
      }
      expect(await suite.rows()).toEqual([])
      {
        await using chunk = await target.openChunk(id)
        expect(chunk.before).toBeNull()
        await chunk.savepoint(() => chunk.put(body()))
        await expect(
          chunk.savepoint(async () => {
            await chunk.put(body())
            throw new Error('undo')
          }),
        ).rejects.toThrow('undo')
        await chunk.commit('{"read":2}')
      }
      const there = [
        ['1', 'a\tb'],
        ['2', null],
      ]
      expect(await suite.rows()).toEqual(there)
      await using again = await target.openChunk(id)
      expect(again.before).toBe('{"read":2}')
      await target.publish()
    })

    test('of two deliveries at once, one waits for the other and finds it', async ({ skip }) => {
      if (suite.kind !== 'rows') return skip('this writer takes COPY or objects')
      await using target = (await open(await world.fresh())) as RowTarget
      await target.prepare()
      const id = { runId: 'r2', ordinal: 0, part: 0 }
      await using first = await target.openChunk(id)
      const second = target.openChunk(id)
      await first.commit('{"read":0}')
      await using found = await second
      expect(found.before).toBe('{"read":0}')
      await found[Symbol.asyncDispose]()
      await target.forget('r2')
      await using forgotten = await target.openChunk(id)
      expect(forgotten.before).toBeNull()
    })

    test('chunks side by side do not wait for each other', async ({ skip }) => {
      if (suite.kind !== 'rows') return skip('this writer takes COPY or objects')
      await using target = (await open(await world.fresh())) as RowTarget
      await target.prepare()
      const body = async function* (line: string) {
        yield Buffer.from(line)
      }
      await using first = await target.openChunk({ runId: 'r3', ordinal: 0, part: 0 })
      await using second = await target.openChunk({ runId: 'r3', ordinal: 1, part: 0 })
      await first.put(body('1\ta\n'))
      await second.put(body('2\tb\n'))
      await second.commit('{}')
      await first.commit('{}')
      expect(await suite.rows?.()).toHaveLength(2)
    })

    test('keys are known beforehand, sort by slice and differ by run', async ({ skip }) => {
      skip(suite.kind !== 'object', 'this writer takes COPY or rows')
      const target = (await open(await world.fresh())) as ObjectTarget
      const keys = [0, 1, 9, 10, 123_456].map((index) => target.keyOf('r1', index))
      expect([...keys].sort()).toEqual(keys)
      expect(target.keyOf('r1', 9)).toBe(keys[2])
      expect(new Set([...keys, target.keyOf('r2', 0)]).size).toBe(6)
    })

    test('preparing again keeps what the run has written', async ({ skip }) => {
      skip(suite.kind !== 'object', 'this writer takes COPY or rows')
      const target = (await open(await world.fresh())) as ObjectTarget
      await target.prepare('r1')
      await target.store.put(target.keyOf('r1', 0), Buffer.from('1,a\n'))
      await target.prepare('r1')
      expect(await target.store.head(target.keyOf('r1', 0))).not.toBeNull()
    })

    test('a wrong password has its code, and no secret is told', async () => {
      const options = world.withWrongPassword(await world.fresh())
      const work = async () => {
        await using target = await open(options)
        await (target.kind === 'object' ? target.prepare('r1') : target.columns())
      }
      const error = await work().then(() => null, asTransferError)
      expect(error).toMatchObject({ code: suite.wrongPasswordCode })
      const told = [...world.log.lines, JSON.stringify(error?.report()), String(error?.stack)].join('\n')
      for (const secret of world.secrets) expect(told).not.toContain(secret)
    })
  })
}
