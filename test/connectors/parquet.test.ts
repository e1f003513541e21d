import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { compressions } from '../../shared/codecs/parquet-write/compress.ts'
import { emptyParquet, writeParquet } from '../../shared/codecs/parquet-write/write-file.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import { openParquetLab, type ParquetLab, streamOf } from '../support/parquet-lab.ts'
import { tempDir } from '../support/temp-dir.ts'

const dataDir = await tempDir('parquet-connector')
let lab: ParquetLab
beforeAll(async () => {
  lab = await openParquetLab(dataDir)
})
afterAll(() => lab[Symbol.asyncDispose]())

/** Each type of DuckDB at its edges: an expression over `i`, and how PostgreSQL is told of the same value. */
const types: Readonly<Record<string, { readonly value: string; readonly told?: string }>> = {
  flag: { value: 'i % 2 = 0' },
  tiny: { value: '[-128, 0, 127][i % 3 + 1]::tinyint' },
  small: { value: '[-32768, 7, 32767][i % 3 + 1]::smallint' },
  int4: { value: '[-2147483648, -1, 2147483647][i % 3 + 1]::integer' },
  int8: { value: "['-9223372036854775808', '9007199254740993', '9223372036854775807', '-1'][i % 4 + 1]::bigint" },
  u1: { value: '[0, 255][i % 2 + 1]::utinyint' },
  u2: { value: '[0, 65535][i % 2 + 1]::usmallint' },
  u4: { value: '[0, 4294967295][i % 2 + 1]::uinteger' },
  u8: { value: "['0', '18446744073709551615', '9223372036854775808'][i % 3 + 1]::ubigint" },
  single: {
    value:
      "['0.1', '-0', '16777217', '3.4028235e38', '1e-45', 'nan', 'inf', '-inf', '1234567.9', '0.3'][i % 10 + 1]::float",
  },
  double: {
    value:
      "['0.1', '-0', '9007199254740993', '1.7976931348623157e308', '5e-324', 'nan', 'inf', '-inf', '1e21', '123456.789'][i % 10 + 1]::double",
  },
  dec4: { value: "['-999.9', '0.1', '-0.1', '999.9'][i % 4 + 1]::decimal(4, 1)" },
  dec18: { value: "['-99999999999999.9999', '0.0001', '12345678901234.5678', '-1'][i % 4 + 1]::decimal(18, 4)" },
  dec38: {
    value:
      "['-9999999999999999999999999999.9999999999', '0.0000000001', '12345678901234567890.5', '-3', '0'][i % 5 + 1]::decimal(38, 10)",
  },
  dec380: { value: "['99999999999999999999999999999999999999', '-1', '300'][i % 3 + 1]::decimal(38, 0)" },
  text: { value: "['', 'a\tb', 'back\\slash', e'line\\nline\\r', '\\N', '数据 💾', 'plain', '\\.'][i % 8 + 1]" },
  long: { value: "repeat('é' || i, (i % 5) * 100)" },
  blob: { value: "[''::blob, '\\x00\\xFF\\x5C'::blob, 'abc'::blob][i % 3 + 1]", told: "'\\x' || hex(blob)" },
  id: { value: "['00000000-0000-0000-0000-000000000000', 'ffffffff-1234-5678-9abc-def012345678'][i % 2 + 1]::uuid" },
  day: {
    value: "['0001-01-01', '1969-12-31', '2000-02-29', '9999-12-31', '12345-01-01', '1900-03-01'][i % 6 + 1]::date",
  },
  clock: { value: "['00:00:00', '23:59:59.999999', '12:30:00.5', '24:00:00'][i % 4 + 1]::time" },
  zoned_clock: { value: "['00:00:00+00', '23:59:59.25+00'][i % 2 + 1]::timetz" },
  seconds: { value: "['1969-12-31 23:59:59', '2024-02-29 12:00:00'][i % 2 + 1]::timestamp_s" },
  millis: { value: "['1969-12-31 23:59:59.999', '2024-02-29 12:00:00.1'][i % 2 + 1]::timestamp_ms" },
  micros: {
    value:
      "['0001-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999', '0044-03-15 (BC) 12:00:00'][i % 4 + 1]::timestamp",
    told: "regexp_replace(micros::varchar, '^(.*) .BC. (.*)$', '\\1 \\2 BC')",
  },
  nanos: { value: "['1969-12-31 23:59:59.999999', '2024-02-29 12:00:00.000001'][i % 2 + 1]::timestamp_ns" },
  instant: { value: "['1969-12-31 23:59:59.999999+00', '2024-02-29 12:00:00+05:30'][i % 2 + 1]::timestamptz" },
  span: { value: "['1 year 2 months 3 days 04:05:06.789', '0 days'][i % 2 + 1]::interval" },
  document: { value: `['{"a": [1, 2]}', 'null', '"x"'][i % 3 + 1]::json` },
  kind: { value: "['low', 'high'][i % 2 + 1]::enum('low', 'high')" },
}

/** Every column once without nulls, and once with nulls in irregular runs. */
const typesQuery = (rows: number) => {
  const all = Object.entries(types).flatMap(([name, { value }]) => [
    `${value} as ${name}`,
    `case when hash(i / 7) % 3 = 0 then null else ${value} end as ${name}_n`,
  ])
  return `select i, ${all.join(', ')} from range(${rows}) t(i)`
}
const toldQuery = (rows: number) => {
  const told = Object.entries(types).flatMap(([name, { told = name }]) => [
    `(${told})::varchar`,
    `(${told.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `${name}_n`)})::varchar`,
  ])
  return `select i, ${told.join(', ')} from (${typesQuery(rows)})`
}

const layouts = [
  'compression uncompressed, row_group_size 2048',
  'compression snappy, parquet_version v2, row_group_size 2048',
  'compression gzip, dictionary_size_limit 1',
]

describe('values', () => {
  const rows = 2100
  beforeAll(async () => {
    await lab.duck.run("set timezone = 'UTC'")
    await lab.putQuery('types.parquet', typesQuery(1))
    await using source = await lab.open({ path: 'types.parquet' })
    await lab.load('theirs', source, [])
    await lab.sql.copyIn('copy theirs from stdin with (format csv)', streamOf([await lab.csvOf(toldQuery(rows))]))
  })

  test.each(layouts)('are those that DuckDB wrote: %s', async (options) => {
    await lab.putQuery('types.parquet', typesQuery(rows), options)
    await using source = await lab.open({ path: 'types.parquet' })
    await lab.load('ours', source, await lab.slicesOf(source, 1))
    expect(await lab.sql.query('select count(*)::integer as rows from ours')).toMatchObject({ rows: [{ rows }] })
    expect(await lab.differing('ours', 'theirs')).toEqual([])
  })

  test.each(['brotli', 'lz4', 'lz4_raw', 'zstd'])('are unpacked: %s', async (codec) => {
    const query = "select i, case when i % 3 = 0 then null else 'text ' || i % 100 end as t from range(2000) t(i)"
    await lab.putQuery('codec.parquet', query, `compression ${codec}`)
    await using source = await lab.open({ path: 'codec.parquet' })
    const lines = Array.from({ length: 2000 }, (_, i) => `${i}\t${i % 3 === 0 ? '\\N' : `text ${i % 100}`}\n`)
    expect(await lab.textOf(source, await lab.slicesOf(source))).toBe(lines.join(''))
  })

  test('of pages of the second version are those that hyparquet-writer wrote', async () => {
    const numbers = Array.from({ length: 500 }, (_, index) =>
      index % 7 === 0 ? null : BigInt(index) ** 5n - 10n ** 13n,
    )
    const texts = numbers.map((number) => (number === null ? null : `prefix ${number} é`))
    const bytes = parquetWriteBuffer({
      codec: 'SNAPPY',
      rowGroupSize: [200, 300],
      pageSize: 512,
      columnData: [
        { name: 'delta', data: numbers, type: 'INT64', encoding: 'DELTA_BINARY_PACKED' },
        { name: 'split', data: numbers, type: 'INT64', encoding: 'BYTE_STREAM_SPLIT' },
        { name: 'lengths', data: texts, type: 'STRING', encoding: 'DELTA_LENGTH_BYTE_ARRAY' },
        { name: 'prefixes', data: texts, type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' },
        {
          name: 'flag',
          data: numbers.map((number) => number !== null && number > 0n),
          type: 'BOOLEAN',
          encoding: 'RLE',
        },
      ],
    })
    await lab.store.put('second.parquet', new Uint8Array(bytes))
    await using source = await lab.open({ path: 'second.parquet' })
    const lines = (await lab.textOf(source, await lab.slicesOf(source, 1))).trimEnd().split('\n')
    const told = (value: unknown) => (value === null ? '\\N' : String(value))
    expect(lines).toEqual(
      numbers.map((number, index) =>
        [number, number, texts[index], texts[index], number !== null && number > 0n].map(told).join('\t'),
      ),
    )
  })

  test('of nested columns are JSON with every digit', async () => {
    await lab.putQuery(
      'nested.parquet',
      `select * from (values
        ({'id': 9223372036854775807, 'price': 1.10::decimal(38, 2), 'tags': ['a"b', null, e'\\n\\\\é']}, [[1, null], [], null], map {'k': 0.1::double, 'n': null}),
        ({'id': null, 'price': null, 'tags': []}, [], map {}),
        (null, null, null),
        ({'id': -1, 'price': 12345678901234567890123456789012.34, 'tags': null}, [[2]], map {'k': 'nan'::double})
      ) as t(s, l, m)`,
    )
    await using source = await lab.open({ path: 'nested.parquet' })
    expect((await source.columns())?.map(({ type }) => type)).toEqual(['json', 'json', 'json'])
    await lab.load('nested', source, await lab.slicesOf(source))
    const { rows: found } = await lab.sql.query<Record<string, string | null>>(
      'select s::text, l::text, m::text from nested',
    )
    expect(found).toEqual([
      {
        s: String.raw`{"id":9223372036854775807,"price":1.10,"tags":["a\"b",null,"\n\\é"]}`,
        l: '[[1,null],[],null]',
        m: '{"k":0.1,"n":null}',
      },
      { s: '{"id":null,"price":null,"tags":[]}', l: '[]', m: '{}' },
      { s: null, l: null, m: null },
      { s: '{"id":-1,"price":12345678901234567890123456789012.34,"tags":null}', l: '[[2]]', m: '{"k":"NaN"}' },
    ])
  })

  test.each(['row_group_size 2048', 'row_group_size 2048, parquet_version v2, dictionary_size_limit 1'])(
    'of lists in structs in lists are those of DuckDB: %s',
    async (options) => {
      const query = `select i, case when i % 5 = 0 then null else
        list_transform(range(i % 4), lambda x: case when (x + i) % 3 = 0 then null else
          {'a': x, 't': repeat('é', x::integer), 'l': case when x % 2 = 0 then [x, null, i] else [] end, 's': {'b': i % 2 = 0, 'n': case when i % 2 = 0 then null else x end}} end) end as nested
        from range(5000) t(i)`
      await lab.putQuery('deep.parquet', query, options)
      await using source = await lab.open({ path: 'deep.parquet' })
      await lab.load('ours_deep', source, await lab.slicesOf(source, 1))
      await lab.sql.query('drop table if exists theirs_deep; create table theirs_deep (i bigint, nested jsonb)')
      const told = await lab.csvOf(`select i, to_json(nested) from (${query})`)
      await lab.sql.copyIn('copy theirs_deep from stdin with (format csv)', streamOf([told]))
      const { rows: wrong } = await lab.sql.query(
        'select * from ours_deep o full join theirs_deep t using (i) where o.nested::jsonb is distinct from t.nested limit 3',
      )
      expect(wrong).toEqual([])
    },
  )

  // Such a page ends behind its head, which tells of eight miniblocks all the same.
  test.each([
    ["select 5::bigint as i, 'x' as t", '5\tx\n'],
    [
      'select range::bigint as i, null::integer as n, null::varchar as t from range(3)',
      '0\t\\N\t\\N\n1\t\\N\t\\N\n2\t\\N\t\\N\n',
    ],
    ['select 1::bigint as i, {a: null::integer} as s', '1\t{"a":null}\n'],
  ])('of one row, or of NULLs alone, in pages of differences: %s', async (query, text) => {
    await lab.putQuery('short.parquet', query, 'parquet_version v2')
    await using source = await lab.open({ path: 'short.parquet' })
    expect(await lab.textOf(source, await lab.slicesOf(source))).toBe(text)
  })

  test('that no text of PostgreSQL can be go to the server as they are', async () => {
    await lab.putQuery(
      'nul.parquet',
      "select i, case when i = 2 then 'a' || chr(0) || 'b' else 'ok' end as t from range(4) t(i)",
    )
    await using source = await lab.open({ path: 'nul.parquet' })
    expect(await lab.textOf(source, await lab.slicesOf(source))).toBe('0\tok\n1\tok\n2\ta\0b\n3\tok\n')
  })
})

describe('writing', () => {
  const told = (names: readonly string[]) =>
    names.map(
      (name) =>
        `(${(types[name.replace(/_n$/, '')]?.told ?? name).replaceAll(new RegExp(`\\b${name.replace(/_n$/, '')}\\b`, 'g'), name)})::varchar`,
    )

  test('keeps every value of PostgreSQL, as DuckDB and our reader see it', async () => {
    const { rows: columns } = await lab.sql.query<{ name: string; type: string }>(
      "select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'theirs'::regclass and attnum > 0 order by attnum",
    )
    const written: Uint8Array[] = []
    for await (const piece of writeParquet(lab.sql.copyOut('copy theirs to stdout'), columns, 'snappy'))
      written.push(piece)
    await lab.store.put('written.parquet', Buffer.concat(written))
    await using source = await lab.open({ path: 'written.parquet' })
    await lab.load('read_back', source, await lab.slicesOf(source))
    expect(await lab.differing('read_back', 'theirs')).toEqual([])
    await writeFile(join(dataDir, 'written.parquet'), Buffer.concat(written))
    await lab.sql.query('drop table if exists by_duck; create table by_duck (like theirs)')
    const file = `'${join(dataDir, 'written.parquet')}'`
    const csv = await lab.csvOf(`select ${told(columns.map(({ name }) => name)).join(', ')} from ${file}`)
    await lab.sql.copyIn('copy by_duck from stdin with (format csv)', streamOf([csv]))
    expect(await lab.differing('by_duck', 'theirs')).toEqual([])
    const { rows: kinds } = {
      rows: (
        await lab.duck.runAndReadAll(
          `describe select int8, dec38, day, micros, instant, id, document, blob from ${file}`,
        )
      ).getRowsJson(),
    }
    expect(kinds.map(([, type]) => type)).toEqual([
      'BIGINT',
      'DECIMAL(38,10)',
      'DATE',
      'TIMESTAMP',
      'TIMESTAMP WITH TIME ZONE',
      'UUID',
      'JSON',
      'BLOB',
    ])
  })

  test.each(compressions)('packs pages as DuckDB unpacks them: %s', async (compression) => {
    const written: Uint8Array[] = []
    const lines = streamOf([Buffer.from('1\tone\n2\t\\N\n'), Buffer.from('3\tthr'), Buffer.from('ee\n')])
    const columns = [
      { name: 'i', type: 'integer' },
      { name: 't', type: 'text' },
    ]
    for await (const piece of writeParquet(lines, columns, compression)) written.push(piece)
    await writeFile(join(dataDir, 'packed.parquet'), Buffer.concat(written))
    const read = await lab.duck.runAndReadAll(`from '${join(dataDir, 'packed.parquet')}'`)
    expect(read.getRowsJson()).toEqual([
      [1, 'one'],
      [2, null],
      [3, 'three'],
    ])
  })

  test('cuts row groups and pages by size, and gives up a dictionary that does not pay', async () => {
    const line = (i: number) =>
      `${i}\t${i % 5 === 0 ? '\\N' : `text ${i % 7}`}\t${String(i * 7919).padStart(60, 'x')}\n`
    const lines = Array.from({ length: 230_000 }, (_, i) => line(i)).join('')
    const columns = [
      { name: 'i', type: 'bigint' },
      { name: 't', type: 'text' },
      { name: 'u', type: 'text' },
    ]
    const pieces = Array.from({ length: Math.ceil(lines.length / 99_991) }, (_, at) =>
      Buffer.from(lines.slice(at * 99_991, (at + 1) * 99_991)),
    )
    const written: Uint8Array[] = []
    for await (const piece of writeParquet(streamOf(pieces), columns, 'snappy')) written.push(piece)
    await lab.store.put('groups-written.parquet', Buffer.concat(written))
    await using source = await lab.open({ path: 'groups-written.parquet' })
    const slices = await lab.slicesOf(source, 1)
    expect(slices).toHaveLength(2)
    expect((await lab.textOf(source, slices)) === lines).toBe(true)
    await writeFile(join(dataDir, 'groups.parquet'), Buffer.concat(written))
    const file = `'${join(dataDir, 'groups.parquet')}'`
    const chunks = (
      await lab.duck.runAndReadAll(
        `select path_in_schema, dictionary_page_offset is not null from parquet_metadata(${file}) where row_group_id = 0`,
      )
    ).getRowsJson()
    expect(chunks).toEqual([
      ['i', false],
      ['t', true],
      ['u', false],
    ])
    const sums = (await lab.duck.runAndReadAll(`select sum(i), count(t), count(distinct u) from ${file}`)).getRowsJson()
    expect(sums).toEqual([['26449885000', '184000', '230000']])
  })

  test.each([
    ['date', 'infinity'],
    ['timestamp without time zone', '-infinity'],
    ['numeric(10,2)', 'NaN'],
    ['integer', '2147483648'],
    ['boolean', 'maybe'],
    ['bytea', 'abc'],
  ])('a %s of %s has no place in Parquet, which is told by the column', async (type, value) => {
    const writing = async () => {
      for await (const _ of writeParquet(streamOf([Buffer.from(`${value}\n`)]), [{ name: 'c', type }], 'none'));
    }
    await expect(writing()).rejects.toMatchObject({
      code: 'record/format',
      message: expect.stringMatching(/^column c: a value is no /),
    })
  })

  test('a table without rows leaves a file of its columns', async () => {
    const bytes = emptyParquet([
      { name: 'a', type: 'numeric(5,2)' },
      { name: 'é', type: 'text' },
    ])
    await writeFile(join(dataDir, 'empty.parquet'), bytes)
    const described = (
      await lab.duck.runAndReadAll(`describe select * from '${join(dataDir, 'empty.parquet')}'`)
    ).getRowsJson()
    expect(described.map(([name, type]) => [name, type])).toEqual([
      ['a', 'DECIMAL(5,2)'],
      ['é', 'VARCHAR'],
    ])
  })
})

describe('reading', () => {
  /** Three groups of 2048, 2048 and 904 rows. */
  const query =
    "select i, case when i % 3 = 0 then null else 'text ' || i end as t, [i, null] as l, i % 10 as d from range(5000) t(i)"
  const line = (i: number) => `${i}\t${i % 3 === 0 ? '\\N' : `text ${i}`}\t[${i},null]\t${i % 10}\n`
  beforeAll(() => lab.putQuery('groups.parquet', query, 'row_group_size 2048'))

  test('slices are row groups, small ones joined, and say how many records they hold', async () => {
    await using source = await lab.open({ path: ['/groups.parquet'] })
    const split = (targetBytes: number) => source.split({ concurrent: 1, targetBytes, arrived: null, increment: null })
    expect((await split(1)).slices.map(({ records }) => records)).toEqual([2048, 2048, 904])
    expect((await split(1024 ** 3)).slices.map(({ records }) => records)).toEqual([5000])
    const { slices, decisions } = await split(210_000)
    expect(
      slices.map(({ slice, bytes, records }) => [slice.firstGroup, slice.groups, slice.firstRecord, bytes, records]),
    ).toEqual([
      [0, 1, 1, null, 2048],
      [1, 2, 2049, null, 2952],
    ])
    expect(decisions[0]).toMatchObject({
      what: '2 slices of 3 row groups in 1 files',
      why: expect.stringMatching(/with 5000 records.*joined up to/),
    })
    expect(
      await lab.textOf(
        source,
        slices.map(({ slice }) => slice),
      ),
    ).toBe(Array.from({ length: 5000 }, (_, i) => line(i)).join(''))
  })

  test('the rest of a slice begins behind any number of records', async () => {
    await using source = await lab.open({ path: 'groups.parquet' })
    const [whole] = await lab.slicesOf(source)
    const rest = source.rest ?? (() => ({}))
    for (const taken of [1, 2047, 2048, 2049, 4096, 4999]) {
      const slice = rest(rest(whole ?? {}, { bytes: 9, records: taken - 1 }), { bytes: 9, records: 1 })
      expect(slice).toMatchObject({ skip: taken, firstRecord: taken + 1, records: 5000 - taken })
      const text = await lab.textOf(source, [slice])
      expect(text.slice(0, text.indexOf('\n') + 1)).toBe(line(taken))
      expect(text.endsWith(line(4999))).toBe(true)
      expect(text.split('\n')).toHaveLength(5000 - taken + 1)
      const { origin } = await source.read(slice, source.offer(defaultCsv), new AbortController().signal)
      expect(origin).toMatchObject({ start: null, firstRecord: taken + 1 })
    }
  })

  test.each([
    [[{ index: 3 }, { index: 0 }], '0\t0\n'],
    [[{ index: 'd' }, { name: 'I' }, { index: '0' }], '0\t0\t0\n'],
    [[{ value: 'a\tb' }, { index: 0 }, { value: null }], 'a\\tb\t0\t\\N\n'],
  ])('columns are taken by number, by name, or are constants: %j', async (column, first) => {
    await using source = await lab.open({ object: 'groups.parquet', column })
    const text = await lab.textOf(source, await lab.slicesOf(source))
    expect(text.slice(0, text.indexOf('\n') + 1)).toBe(first)
    expect(await source.columns()).toHaveLength(column.length)
  })

  test('columns that a job wants by name are found in every file', async () => {
    await lab.putQuery('pick/a.parquet', 'select 1 as a, 2 as b, 3 as c')
    await lab.putQuery('pick/b.parquet', 'select 30 as c, 10 as a')
    await using source = await lab.open({ path: 'pick/*.parquet' })
    const picked = source.pick?.(async () => ['C', 'a']) ?? source
    expect((await picked.columns())?.map(({ name, type }) => [name, type])).toEqual([
      ['c', 'integer'],
      ['a', 'integer'],
    ])
    const { slices, decisions } = await picked.split({ concurrent: 1, targetBytes: 1, arrived: null, increment: null })
    expect(
      await lab.textOf(
        picked,
        slices.map(({ slice }) => slice),
      ),
    ).toBe('3\t1\n30\t10\n')
    expect(decisions.at(-1)?.why).toBe('not read: b')
    const none = source.pick?.(async () => ['A', 'bb']) ?? source
    await expect(none.split({ concurrent: 1, targetBytes: 1, arrived: null, increment: null })).rejects.toMatchObject({
      code: 'source/column-missing',
      message: expect.stringMatching(/^pick\/a\.parquet: no column is called bb/),
    })
  })

  test('only the wanted columns are fetched, those side by side in one request, and of the file its end', async () => {
    await lab.putQuery(
      'wide.parquet',
      `select ${[...'abcdefgh'].map((name, at) => `hash(i + ${at}) as ${name}`)} from range(20000) t(i)`,
    )
    const ranges: number[][] = []
    const context = lab.context()
    const counting = {
      ...context,
      openStore: async () => ({
        ...lab.store,
        readRange: (key: string, range: { start: number; end: number; etag: string }) => {
          ranges.push([range.start, range.end])
          return lab.store.readRange(key, range)
        },
      }),
    }
    const column = [{ index: 'd' }, { index: 'c' }, { index: 'h' }]
    await using source = await lab.open({ path: 'wide.parquet', column }, counting)
    const slices = await lab.slicesOf(source)
    const size = (await lab.store.head('wide.parquet'))?.size ?? 0
    expect(ranges).toEqual([[size - 65536, size]])
    expect((await lab.textOf(source, slices)).split('\n')).toHaveLength(20001)
    const [, , ...groups] = ranges
    // c and d together, h alone: 160 kB each.
    expect(groups.map(([start = 0, end = 0]) => Math.round((end - start) / 160_000))).toEqual([2, 1])
  })

  test('a file without rows has no slices', async () => {
    await lab.putQuery('empty.parquet', 'select 1 as a where false')
    await lab.store.put('zero.parquet', Buffer.alloc(0))
    await using source = await lab.open({ object: ['empty.parquet', 'zero.parquet'] })
    const { slices, decisions } = await source.split({ concurrent: 1, targetBytes: 1, arrived: null, increment: null })
    expect(slices).toEqual([])
    expect(decisions.map(({ what }) => what).join()).toMatch(/nothing is read of zero\.parquet and 1 more/)
    expect(await source.columns()).toEqual([{ name: 'a', type: 'integer', nullable: true }])
  })
})

describe('what cannot be read is refused', () => {
  const failure = async (key: string, bytes: Buffer | null = null) => {
    if (bytes !== null) await lab.store.put(key, bytes)
    await using source = await lab.open({ object: key })
    return await lab
      .slicesOf(source)
      .then((slices) => lab.textOf(source, slices))
      .then(() => null, asTransferError)
  }

  test('another format, and a file that is cut short', async () => {
    expect(await failure('text.parquet', Buffer.from('1,2,3\n4,5,6\n7'))).toMatchObject({
      code: 'source/corrupt',
      message: expect.stringMatching(/text\.parquet: the file does not end as Parquet does/),
    })
    await lab.putQuery('cut.parquet', 'select i from range(3000) t(i)')
    const whole = await lab.store.read('cut.parquet', 1e6)
    const bytes = whole?.body ?? Buffer.alloc(0)
    expect(await failure('cut.parquet', bytes.subarray(0, -20))).toMatchObject({ code: 'source/corrupt' })
    expect(await failure('cut.parquet', bytes.subarray(100))).toMatchObject({ code: 'source/corrupt' })
  })

  test('bytes that were changed give other rows or an error, and never hang or end the process', async () => {
    await lab.putQuery(
      'fuzz.parquet',
      "select i, 'text ' || i % 50 as t, [i] as l, i / 3 as f from range(300) t(i)",
      'compression gzip, parquet_version v2',
    )
    const bytes = (await lab.store.read('fuzz.parquet', 1e6))?.body ?? Buffer.alloc(0)
    const random = seeded(7)
    const codes = new Set<string>()
    for (let round = 0; round < 80; round += 1) {
      const changed = Buffer.from(bytes)
      for (let change = 0; change < 1 + (round % 3); change += 1)
        changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256)
      codes.add((await failure('fuzzed.parquet', changed))?.code ?? 'none')
    }
    expect(
      [...codes].filter(
        (code) => !['none', 'source/corrupt', 'job/unsupported', 'source/column-missing'].includes(code),
      ),
    ).toEqual([])
    expect(codes).toContain('source/corrupt')
  })

  test('pages that are too large for the memory of a loader, before anything is loaded', async () => {
    await lab.putQuery(
      'large.parquet',
      "select repeat('x', 1000) || i as t from range(60000) t(i)",
      'compression zstd, row_group_size 100000',
    )
    await using source = await lab.open({ path: 'large.parquet' })
    await expect(lab.slicesOf(source)).rejects.toMatchObject({
      code: 'job/unsupported',
      message: expect.stringMatching(
        /large\.parquet: pages of the wanted columns need 6\d{7} bytes.*41943040 are allowed/,
      ),
    })
  })
})

/** mulberry32: the same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
