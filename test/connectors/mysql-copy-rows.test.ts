import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCopyRows } from '../../shared/connectors/mysql/copy-rows.ts'
import type { MysqlField } from '../../shared/ports/index.ts'

/** Type and character set as the protocol numbers them: 63 is binary. */
const kinds = {
  int: { type: 3, characterSet: 63 },
  text: { type: 253, characterSet: 45 },
  date: { type: 10, characterSet: 63 },
  timestamp: { type: 7, characterSet: 63 },
  blob: { type: 252, characterSet: 63 },
} as const
type Kind = keyof typeof kinds

const fieldOf = (kind: Kind): MysqlField => ({ name: kind, flags: 0, length: 100, decimals: 0, ...kinds[kind] })

const short = (unit: fc.Arbitrary<string>) => fc.string({ unit, maxLength: 12 })
const long = fc.integer({ min: 240, max: 70_000 }).map((length) => 'x'.repeat(length))
const day = fc.constantFrom('1995-03-04', '0000-00-00', '0999-01-02')
const values: Readonly<Record<Kind, fc.Arbitrary<string>>> = {
  int: fc.integer().map(String),
  // Bytes that are lengths, tabs and marks of the protocol elsewhere.
  text: fc.oneof(
    short(fc.constantFrom('a', '\t', '\n', '\r', '\\', '\x0c', 'ä', 'û', '0')),
    short(fc.constant('b')),
    long,
  ),
  date: day,
  timestamp: day.map((date) => `${date} 01:02:03`),
  blob: fc.oneof(short(fc.constantFrom('\0', '\\', 'c')), long),
}

const columns = fc.array(fc.constantFrom(...(Object.keys(kinds) as Kind[])), { minLength: 1, maxLength: 9 })
const tables = columns.chain((of) =>
  fc.record({
    of: fc.constant(of),
    rows: fc.array(fc.tuple(...of.map((kind) => fc.option(values[kind], { freq: 3 }))), { maxLength: 6 }),
  }),
)

/** A length and a value, field by field. */
function packetOf(row: readonly (string | null)[]): Buffer {
  return Buffer.concat(
    row.flatMap((value) => {
      if (value === null) return [Buffer.from([0xfb])]
      const bytes = Buffer.from(value)
      if (bytes.length < 251) return [Buffer.from([bytes.length]), bytes]
      const head = Buffer.alloc(bytes.length < 65_536 ? 3 : 4)
      head[0] = head.length === 3 ? 0xfc : 0xfd
      head.writeUIntLE(bytes.length, 1, head.length - 1)
      return [head, bytes]
    }),
  )
}

const escaped: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' }
const copyTextOf: Readonly<Record<Kind, (value: string) => string>> = {
  int: (value) => value,
  text: (value) => value.replace(/[\t\n\r\\]/g, (char) => escaped[char] ?? ''),
  date: (value) => (value.startsWith('0000') ? '\\N' : value),
  timestamp: (value) => (value.startsWith('0000') ? '\\N' : `${value}+02:00`),
  blob: (value) => `\\\\x${Buffer.from(value).toString('hex')}`,
}

const options = {
  timeZone: '+02:00',
  zeroDates: 'convertToNull',
  maxRecordBytes: 1 << 20,
  floats: new Set<number>(),
  lent: false,
} as const

describe('rows of the protocol as COPY text', () => {
  test('each field as it would be alone, whatever stands before and behind it', () => {
    fc.assert(
      fc.property(tables, fc.nat(5), ({ of, rows }, before) => {
        const sink = openCopyRows(of.map(fieldOf), options)
        let taken = ''
        for (const row of rows) {
          const packet = packetOf(row)
          sink.row(
            Buffer.concat([Buffer.alloc(before, 9), packet, Buffer.alloc(3, 92)]),
            before,
            before + packet.length,
          )
          if (sink.isFull()) taken += sink.take().bytes.toString()
        }
        taken += sink.take().bytes.toString()
        const lineOf = (row: readonly (string | null)[]) =>
          row.map((value, index) => (value === null ? '\\N' : copyTextOf[of[index] ?? 'int'](value))).join('\t')
        expect(taken).toBe(rows.map((row) => `${lineOf(row)}\n`).join(''))
      }),
      { numRuns: 2000 },
    )
  })

  test('a row that is refused leaves the others as they are', () => {
    const sink = openCopyRows([fieldOf('int'), fieldOf('text')], options)
    for (const text of ['one', 't\0o', 'three']) {
      const packet = packetOf(['1', text])
      sink.row(packet, 0, packet.length)
    }
    const { bytes, refused } = sink.take()
    expect(bytes.toString()).toBe('1\tone\n1\tthree\n')
    expect(
      refused.map(({ record, reason }) => [record.number, record.bytes.toString(), reason.code, reason.column]),
    ).toEqual([[2, '1\tt\0o\n', 'record/nul-byte', 'text']])
  })

  test('what is lent is written over, what is not stays', () => {
    const packets = ['1', '2'].map((value) => packetOf([value]))
    const piecesOf = (lent: boolean) => {
      const sink = openCopyRows([fieldOf('int')], { ...options, lent })
      return packets.map((packet) => {
        sink.row(packet, 0, packet.length)
        return sink.take().bytes
      })
    }
    expect(piecesOf(true).map(String)).toEqual(['2\n', '2\n'])
    expect(piecesOf(false).map(String)).toEqual(['1\n', '2\n'])
  })
})
