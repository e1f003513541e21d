import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openOssStore } from '../../shared/aliyun/oss-store.ts'
import { encodeCsvRecord } from '../../shared/codecs/csv-encode.ts'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import type { ConnectorContext, ObjectTarget, Slice, Source } from '../../shared/connectors/contract.ts'
import { matchesKey } from '../../shared/connectors/objects/find-objects.ts'
import { reader, writer } from '../../shared/connectors/oss.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import type { ObjectStore, OssConnection } from '../../shared/ports/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'
import { describeReader, type SeedRow } from '../contract/reader.ts'
import { describeWriter } from '../contract/writer.ts'
import { type KeptLog, keptLog } from '../support/log.ts'
import { ossKeys, ossRegion, startTestOss, type TestOss } from '../support/oss.ts'
import { tempDir } from '../support/temp-dir.ts'

const dataDir = await tempDir('oss-connector')
let oss: TestOss
let postgres: TestServer
let store: ObjectStore
const log: KeptLog = keptLog()
beforeAll(async () => {
  oss = await startTestOss(dataDir)
  await oss.server.createBucket('data-bucket')
  store = await oss.openStore('data-bucket')
  postgres = await startTestServer()
})
afterAll(async () => {
  await oss.server.close()
  await postgres.close()
})

const wrongSecret = 'a-wrong-secret-of-oss'
const connection = (changes: Partial<OssConnection> = {}): OssConnection => ({
  kind: 'oss',
  endpoint: oss.server.endpoint,
  region: ossRegion,
  bucket: 'data-bucket',
  credentials: { accessKeyId: ossKeys.accessKeyId, accessKeySecret: 'env:SECRET' },
  ...changes,
})
const contextOf = (signal: AbortSignal): ConnectorContext => ({
  openStore: (to) =>
    openOssStore(to, {
      log,
      credentials: async () => ({
        accessKeyId: ossKeys.accessKeyId,
        accessKeySecret: to.credentials?.accessKeySecret === 'env:SECRET' ? ossKeys.accessKeySecret : wrongSecret,
      }),
    }),
  connectSql: () => Promise.reject(new Error('no database here')),
  connectMysql: () => Promise.reject(new Error('no MySQL here')),
  log,
  signal,
})
const never = new AbortController().signal
setMaxListeners(0, never)
const wrong = (options: Record<string, unknown>) => ({
  ...options,
  connection: connection({ credentials: { accessKeyId: ossKeys.accessKeyId, accessKeySecret: 'env:WRONG' } }),
})
const secrets = [ossKeys.accessKeySecret, wrongSecret]

describeReader(reader as never, {
  wrongPasswordCode: 'connect/wrong-credentials',
  start: async () => ({
    context: contextOf,
    oracle: await postgres.connect(),
    log,
    secrets,
    withWrongPassword: wrong,
    async seed(rows: readonly SeedRow[]) {
      await store.put('seed/rows.csv', Buffer.concat(rows.map((row) => encodeCsvRecord(row, defaultCsv))))
      return { connection: connection(), object: 'seed/rows.csv', column: [{ index: 0, type: 'long' }, { index: '1' }] }
    },
    async seedLarge() {
      await store.put('seed/large.csv', Buffer.from(`1,${'x'.repeat(3000)}\n`.repeat(15_000)))
      return { connection: connection(), object: 'seed/large.csv' }
    },
  }),
})

let prefixes = 0
describeWriter(writer as never, {
  kind: 'object',
  wrongPasswordCode: 'connect/wrong-credentials',
  start: async () => ({
    context: contextOf,
    session: null,
    log,
    secrets,
    withWrongPassword: wrong,
    async fresh() {
      prefixes += 1
      return { connection: connection(), object: `out/${prefixes}/rows`, writeMode: 'truncate' }
    },
  }),
})

const open = (parameters: Record<string, unknown>): Promise<Source> =>
  reader.open(reader.options.parse({ connection: connection(), ...parameters }), contextOf(never))
const split = async (parameters: Record<string, unknown>, targetBytes = 1024 ** 2) => {
  await using source = await open(parameters)
  return await source.split({ concurrent: 4, targetBytes, arrived: null, increment: null })
}
const failure = (work: Promise<unknown>) => work.then(() => null, asTransferError)
const put = (key: string, text: string | Uint8Array) => store.put(key, Buffer.from(text))

async function textOf(source: Source, slice: Slice): Promise<string> {
  const { body } = await source.read(slice, source.offer(defaultCsv), never)
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

describe('finding objects', () => {
  beforeAll(async () => {
    for (const key of ['find/a1.csv', 'find/a2.csv', 'find/b.csv', 'find/deep/a3.csv', 'find/x+(1).csv'])
      await put(key, '1\n')
    await put('find/', '')
  })
  const keysOf = async (object: string | string[]) =>
    (await split({ object })).slices.map(({ slice }) => String(slice.key).slice(5))

  test.each([
    ['find/a1.csv', ['a1.csv']],
    ['find/a?.csv', ['a1.csv', 'a2.csv']],
    ['find/*.csv', ['a1.csv', 'a2.csv', 'b.csv', 'deep/a3.csv', 'x+(1).csv']],
    ['find/x+(?).csv', ['x+(1).csv']],
    [
      ['find/b.csv', 'find/*b.csv', 'find/a1*'],
      ['a1.csv', 'b.csv'],
    ],
  ])('%s gives each object once, in order of keys', async (object, keys) => {
    expect(await keysOf(object)).toEqual(keys)
  })

  test.each([
    [{ object: 'find/none*.csv' }, 'source/no-objects', /oss:\/\/data-bucket\/find\/none\*\.csv/],
    [{ object: ['find/b.csv', 'gone.csv'] }, 'source/no-objects', /gone\.csv/],
    [{ object: 'find/deep/' }, 'source/no-objects', /\* behind it/],
  ])('%o fails with %s', async (parameters, code, message) => {
    expect(await failure(split(parameters))).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('[0-9] is one of some characters, and a key that is written out means itself alone', async () => {
    for (const key of ['set/1.csv', 'set/2.csv', 'set/x.csv', 'set/[1].csv', 'set/[9-0].csv']) await put(key, '1\n')
    const found = async (object: string) => (await split({ object })).slices.map(({ slice }) => slice.key)
    expect(await found('set/[0-9].csv')).toEqual(['set/1.csv', 'set/2.csv'])
    expect(await found('set/[!0-9].csv')).toEqual(['set/x.csv'])
    expect(await found('set/[1].csv')).toEqual(['set/[1].csv'])
    expect(await found('set/[9-0].csv')).toEqual(['set/[9-0].csv'])
    expect(await found('*/[x2].csv')).toEqual(['set/2.csv', 'set/x.csv'])
    expect(matchesKey('set/[1].csv', 'set/[1].csv')).toBe(true)
  })

  test('successOnNoObject makes nothing of nothing', async () => {
    expect((await split({ object: 'find/none*', successOnNoObject: 'true' })).slices).toEqual([])
  })

  test('a missing bucket is named', async () => {
    const missing = { object: 'a.csv*', connection: connection({ bucket: 'no-such-bucket' }) }
    expect(await failure(split(missing))).toMatchObject({ code: 'source/bucket-missing' })
  })
})

describe('cutting objects', () => {
  test('slices end at records, whatever newlines stand in quotes, and lose no byte', async () => {
    const rows = [...Array(5000).keys()].map((id) => (id % 7 === 0 ? `${id},"a\nb""c"\n` : `${id},plain\n`))
    const text = `id,"na\nme"\n${rows.join('')}`
    await put('cut/a.csv', text)
    await using source = await open({ object: 'cut/a.csv', skipHeader: true })
    const { slices, decisions } = await source.split({
      concurrent: 4,
      targetBytes: 4000,
      arrived: null,
      increment: null,
    })
    expect(slices.length).toBeGreaterThan(10)
    const texts: string[] = []
    for (const { slice, records, bytes } of slices) {
      const piece = await textOf(source, slice)
      expect(Buffer.byteLength(piece)).toBe(bytes)
      expect(slice.firstRecord).toBe(
        1 +
          texts
            .join('')
            .split(/\n(?=\d)/)
            .filter(Boolean).length,
      )
      texts.push(piece)
      expect(piece).toMatch(/^\d+,[\s\S]*\n$/)
      expect(records).toBe(piece.trimEnd().split(/\n(?=\d)/).length)
    }
    expect(texts.join('')).toBe(rows.join(''))
    expect(decisions[0]?.what).toBe(`${slices.length} slices of 1 objects`)
  })

  test('an object of several ranges is cut as one', async () => {
    const record = `1,"${'x'.repeat(997)}\n"\n`
    const count = 20_000
    await put('cut/big.csv', record.repeat(count))
    const { slices } = await split({ object: 'cut/big.csv' }, 3_000_000)
    expect(slices.reduce((sum, { records }) => sum + (records ?? 0), 0)).toBe(count)
    expect(slices.every(({ slice }) => Number(slice.start) % record.length === 0)).toBe(true)
    expect(slices.at(-1)?.slice.end).toBe(record.length * count)
  })

  test.each([
    ['empty', '', false],
    ['header only', 'id,name\n', true],
    ['header without a newline', 'id,name', true],
    ['a byte order mark alone', '\ufeff', false],
  ])('an object that is %s has no slice, and is named', async (name, text, skipHeader) => {
    const key = `cut/none ${name}.csv`
    await put(key, text)
    const { slices, decisions } = await split({ object: key, skipHeader })
    expect(slices).toEqual([])
    expect(decisions.some(({ what }) => what.includes(key))).toBe(true)
  })

  test('the byte order mark is no part of the first value, and offsets stay those of the object', async () => {
    await put('cut/bom.csv', '\ufeff1,a\n2,b\n')
    await using source = await open({ object: 'cut/bom.csv' })
    const { slices } = await source.split({ concurrent: 1, targetBytes: 1000, arrived: null, increment: null })
    expect(slices[0]?.slice).toMatchObject({ start: 3, end: 11, records: 2 })
    expect(await textOf(source, slices[0]?.slice ?? {})).toBe('1,a\n2,b\n')
  })

  test.each([
    ['\r\n', 10],
    ['\r', 13],
    ['\n', 10],
  ])('records that end with %j are counted', async (end, newline) => {
    await put('cut/ends.csv', ['1,a', '2,"b\n"', '3,c'].join(end))
    const { slices } = await split({ object: 'cut/ends.csv' })
    expect(slices[0]).toMatchObject({ records: 3, slice: { newline } })
  })

  test('an unclosed quote fails the plan with object, record and offset', async () => {
    await put('cut/open.csv', '1,a\n2,"b\n3,c\n')
    expect(await failure(split({ object: 'cut/open.csv' }))).toMatchObject({
      code: 'source/unclosed-quote',
      context: { key: 'cut/open.csv', record: 2, offset: 4 },
    })
  })

  test('a record over maxRecordBytes is planned like any other: its loader sets it aside', async () => {
    await put('cut/long.csv', `1,${'x'.repeat(2000)}\n2,b\n`)
    const { slices } = await split({ object: 'cut/long.csv', maxRecordBytes: '1024' })
    expect(slices).toMatchObject([{ records: 2 }])
  })

  test('an object replaced or deleted after the plan is an error, never other rows', async () => {
    await put('cut/changes.csv', '1,a\n')
    await using source = await open({ object: 'cut/changes.csv' })
    const { slices } = await source.split({ concurrent: 1, targetBytes: 1000, arrived: null, increment: null })
    await put('cut/changes.csv', '2,b\n')
    expect(await failure(textOf(source, slices[0]?.slice ?? {}))).toMatchObject({ code: 'source/object-changed' })
    await store.remove(['cut/changes.csv'])
    expect(await failure(textOf(source, slices[0]?.slice ?? {}))).toMatchObject({ code: 'source/object-missing' })
  })

  test('a slice that is not ours is refused', async () => {
    await using source = await open({ object: 'cut/a.csv' })
    expect(await failure(textOf(source, { by: 'whole' }))).toMatchObject({ code: 'event/invalid' })
  })
})

describe('columns', () => {
  const columns = (...indexes: number[]) => indexes.map((index) => ({ index }))
  const projectionOf = async (text: string, parameters: Record<string, unknown>) => {
    await put('columns/a.csv', text)
    await using source = await open({ object: 'columns/a.csv', ...parameters })
    const { slices } = await source.split({ concurrent: 1, targetBytes: 1000, arrived: null, increment: null })
    return source.projection?.(slices[0]?.slice ?? {}) ?? null
  }

  test('all fields in their order need no projection', async () => {
    expect(await projectionOf('1,"a,b",c\n', { column: columns(0, 1, 2) })).toBeNull()
    expect(await projectionOf('1,a\n', { column: ['*'] })).toBeNull()
  })

  test('a field left over, another order and a constant are a projection', async () => {
    expect(await projectionOf('1,"a,b",c\n', { column: columns(0, 1) })).toEqual({ width: 3, fields: columns(0, 1) })
    expect(await projectionOf('1,b\n', { column: columns(1, 0) })).toEqual({ width: 2, fields: columns(1, 0) })
    const withConstant = [{ index: 0 }, { type: 'string', value: 7 }]
    expect(await projectionOf('1\n', { column: withConstant })).toEqual({
      width: 1,
      fields: [{ index: 0 }, { value: '7' }],
    })
  })

  test('the width is that of the first record behind the header', async () => {
    const projection = await projectionOf('a report\n1,2,3\n', { column: columns(0), skipHeader: true })
    expect(projection).toEqual({ width: 3, fields: columns(0) })
  })

  test('types are those of PostgreSQL', async () => {
    await using source = await open({
      object: 'x',
      column: [
        { index: 0, type: 'Long' },
        { value: 'x', type: 'date' },
      ],
    })
    expect((await source.columns())?.map(({ type }) => type)).toEqual(['bigint', 'timestamp without time zone'])
  })
})

describe('options of the reader', () => {
  const parse = (parameters: Record<string, unknown>) =>
    reader.options.safeParse({ connection: connection(), object: 'a', ...parameters })

  test('what DataX and DataWorks write is understood', async () => {
    await using source = await open({
      object: ['a.csv'],
      fileFormat: 'text',
      fieldDelimiter: '\\t',
      nullFormat: '\\N',
      encoding: 'GBK',
      compress: '',
      skipHeader: '',
      csvReaderConfig: { safetySwitch: false, skipEmptyRecords: false, escapeMode: '1', textQualifier: "'" },
      envType: 1,
    })
    expect(source.offer(defaultCsv)).toMatchObject({
      delimiter: '\t',
      null: '\\N',
      charset: 'GBK',
      quote: "'",
      escape: "'",
    })
  })

  test.each([
    [{ fileFormat: 'orc' }, /no library for ORC/],
    [{ column: [{ index: 'x' }] }, /fields of a CSV are counted/],
    [{ column: [{ name: 'x' }] }, /either index/],
    [{ compress: 'bzip2' }, /pack the files with gzip or zstd/],
    [{ fieldDelimiter: '||' }, /one character/],
    [{ encoding: 'utf-99' }, /charset/],
    [{ encoding: 'gbk', csvReaderConfig: { escapeMode: 2 } }, /part of a character/],
    [{ csvReaderConfig: { useComments: true } }, /comment lines/],
    [{ csvReaderConfig: { textQualifer: '"' } }, /textQualifer/],
    [{ column: [{ index: 0, value: 'x' }] }, /either index/],
    [{ column: [{ index: 0, type: 'date', format: 'dd.MM.yy' }] }, /dd\.MM\.yy/],
    [{ object: [] }, /give the key/],
    [{ object: '/a' }, /does not begin/],
    [{ objekt: 'a' }, /objekt/],
  ])('%o is refused with a reason', (parameters, reason) => {
    expect(JSON.stringify(parse(parameters).error?.issues)).toMatch(reason)
  })

  test('a constant that is not ASCII is refused beside another charset than UTF-8', () => {
    const column = [{ index: 0 }, { value: 'é' }]
    const { error } = parse({ column, encoding: 'gbk' })
    expect(error?.issues).toMatchObject([{ path: ['column', 1, 'value'], params: { code: 'job/unsupported' } }])
    expect(parse({ column }).success).toBe(true)
    expect(parse({ column: [{ index: 0 }, { value: 'e' }], encoding: 'gbk' }).success).toBe(true)
  })

  test.each([
    [{ constructor: 1 }, /constructor/],
    [{ fileFormat: 'constructor' }, /fileFormat/],
    [{ encoding: 'constructor' }, /charset/],
  ])('a name that every object has is no name of ours: %o', (parameters, reason) => {
    expect(JSON.stringify(parse(parameters).error?.issues)).toMatch(reason)
  })

  test('options are parsed the same when parsed again', () => {
    const once = reader.options.parse({
      connection: connection(),
      object: 'a',
      column: [{ index: '1', value: undefined }],
    })
    expect(reader.options.parse(JSON.parse(JSON.stringify(once)))).toEqual(once)
  })
})

describe('the writer', () => {
  const openWriter = async (parameters: Record<string, unknown>) =>
    (await writer.open(
      writer.options.parse({ connection: connection(), writeMode: 'append', ...parameters }),
      contextOf(never),
    )) as ObjectTarget
  const keysUnder = async (prefix: string) => {
    const keys: string[] = []
    for await (const { key } of store.list(prefix)) keys.push(key)
    return keys
  }

  test('truncate removes what begins like the prefix, but nothing of its own run', async () => {
    for (const key of ['w1/t', 'w1/t__old_000000.csv', 'w1/t__r1_000000.csv', 'w1/other']) await put(key, '1\n')
    await (await openWriter({ object: 'w1/t', writeMode: 'truncate', suffix: 'csv' })).prepare('r1')
    expect(await keysUnder('w1/')).toEqual(['w1/other', 'w1/t__r1_000000.csv'])
  })

  test('nonConflict refuses a prefix that is taken, but not by its own run', async () => {
    const target = await openWriter({ object: 'w2/n', writeMode: 'NONCONFLICT' })
    await put('w2/n__r1_000000', '1\n')
    await target.prepare('r1')
    await put('w2/nearby', '1\n')
    expect(await failure(target.prepare('r1'))).toMatchObject({
      code: 'target/object-exists',
      message: expect.stringContaining('w2/nearby'),
    })
  })

  test('append leaves everything', async () => {
    await put('w3/a', '1\n')
    await (await openWriter({ object: 'w3/a' })).prepare('r1')
    expect(await keysUnder('w3/')).toEqual(['w3/a'])
  })

  test('a missing bucket is the target’s, in every mode', async () => {
    for (const writeMode of ['truncate', 'append', 'nonConflict']) {
      const target = await openWriter({ object: 'a', writeMode, connection: connection({ bucket: 'no-such-bucket' }) })
      expect(await failure(target.prepare('r1'))).toMatchObject({ code: 'target/bucket-missing' })
    }
  })

  test('the header is the one given, or the names of the columns, as CSV', async () => {
    const columns = [
      { name: 'id', type: 'integer', nullable: false },
      { name: 'a;b', type: 'text', nullable: true },
    ]
    const headerOf = async (parameters: Record<string, unknown>) =>
      Buffer.from((await openWriter({ object: 'h', fieldDelimiter: ';', ...parameters })).header(columns)).toString()
    expect(await headerOf({})).toBe('')
    expect(await headerOf({ writeHeader: true })).toBe('id;"a;b"\n')
    expect(await headerOf({ header: ['x', 'y"z'] })).toBe('x;"y""z"\n')
  })

  test('the suffix gets the dot it lacks', async () => {
    expect((await openWriter({ object: 'a/b', suffix: 'csv' })).keyOf('r9', 12)).toBe('a/b__r9_000012.csv')
  })

  test.each([
    [{ writeMode: undefined }, /writeMode/],
    [{ writeMode: 'overwrite' }, /truncate/],
    [{ fileFormat: 'text' }, /quotes/],
    [{ compress: 'zstd' }, /use gzip/],
    [{ writeSingleObject: true }, /later release/],
    [{ fieldDelimiter: '"' }, /are both/],
    [{ object: '' }, /object/],
  ])('%o is refused with a reason', (parameters, reason) => {
    const result = writer.options.safeParse({
      connection: connection(),
      object: 'a',
      writeMode: 'append',
      ...parameters,
    })
    expect(JSON.stringify(result.error?.issues)).toMatch(reason)
  })
})
