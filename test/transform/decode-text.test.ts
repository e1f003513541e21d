import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SqlSession } from '../../shared/ports/index.ts'
import { decoderOf } from '../../shared/transform/decode-text.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

/** Signs that the standards have moved since PostgreSQL's tables were made. */
const later: Readonly<Record<string, readonly string[]>> = { EUC_CN: ['a1a4', 'a1aa'], GB18030: ['a3a0', 'a8bc'] }

/** Every sequence of one and of two bytes: what PostgreSQL takes becomes the same, and what it refuses no other than a true character. */
describe('bytes of a charset become the text that PostgreSQL makes of them', () => {
  let server: TestServer
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestServer()
    sql = await server.connect()
    await sql.query(`create function pg_temp.converted(bytes bytea, charset name) returns text language plpgsql as $$
      begin return convert_from(bytes, charset); exception when others then return null; end $$`)
  })
  afterAll(async () => {
    await sql?.[Symbol.asyncDispose]()
    await server?.close()
  })

  it.each(['GBK', 'EUC_CN', 'GB18030', 'LATIN1', 'WIN1252', 'UTF8'])('%s', async (charset) => {
    const { rows } = await sql.query<{ hex: string; text: string | null }>(
      `select encode(bytes, 'hex') as hex, pg_temp.converted(bytes, $1) as text from (
        select decode(lpad(to_hex(n), case when n < 256 then 2 else 4 end, '0'), 'hex') as bytes
        from generate_series(1, 65535) n where n < 256 or n >= 32768) as given`,
      [charset],
    )
    const decode = decoderOf(charset === 'WIN1252' ? 'cp1252' : charset)
    const ours = (hex: string) => {
      try {
        return decode(Buffer.from(hex, 'hex'))
      } catch {
        return null
      }
    }
    const others = rows.filter(({ hex, text }) => text !== null && ours(hex) !== text).map(({ hex }) => hex)
    expect(others).toEqual(later[charset] ?? [])
    const more = rows.filter(({ hex, text }) => text === null && !hex.endsWith('00') && ours(hex) !== null)
    expect(more.filter(({ hex }) => !/^[\p{L}\p{N}\p{P}\p{S}\p{M}\p{Zs}]+$/u.test(ours(hex) ?? ''))).toEqual([])
    expect(more.length).toBe({ GBK: 82, EUC_CN: 33 }[charset] ?? 0)
  })
})

it('BIG5 is refused, as its tables differ', () => {
  expect(() => decoderOf('big5')).toThrow(/save the file as UTF-8/)
})
