import { describe, expect, test } from 'vitest'
import { connectionOf, Datasource, parseDatasourceFile } from '../../shared/job/index.ts'
import { parseJdbcUrl } from '../../shared/job/jdbc-url.ts'

const connection = (definition: unknown) => connectionOf(Datasource.parse(definition))

describe('a datasource', () => {
  test('of a database is given by parts or by url', () => {
    const expected = {
      kind: 'postgres',
      host: 'gp',
      port: 3432,
      database: 'dw',
      user: 'u',
      password: 'env:P',
      ssl: 'disable',
    }
    expect(
      connection({ type: 'adbpg', host: 'gp', port: '3432', database: 'dw', username: 'u', password: 'env:P' }),
    ).toEqual(expected)
    expect(
      connection({ type: 'adbpg', url: 'jdbc:postgresql://gp:3432/dw', username: 'u', password: 'env:P' }),
    ).toEqual(expected)
    expect(
      connection({
        type: 'analyticdb_for_postgresql',
        jdbcUrl: 'jdbc:postgresql://gp:3432/dw?user=u',
        password: 'env:P',
      }),
    ).toEqual(expected)
  })

  test('of OSS takes its region from the endpoint, and without keys the role of the function', () => {
    expect(connection({ type: 'oss', endpoint: 'oss-cn-shanghai-internal.aliyuncs.com', bucket: 'bkt' })).toEqual({
      kind: 'oss',
      endpoint: 'https://oss-cn-shanghai-internal.aliyuncs.com',
      region: 'cn-shanghai',
      bucket: 'bkt',
      credentials: null,
    })
  })

  test.each([
    [
      'half a pair of keys',
      { type: 'oss', endpoint: 'http://h', bucket: 'bkt', accessId: 'a' },
      /accessKey.*go together/,
    ],
    [
      'a misspelled name',
      { type: 'adbpg', host: 'h', database: 'd', username: 'u', pasword: 'env:P' },
      /pasword.*not known/,
    ],
    ['an unknown type', { type: 'oracle' }, /type.*must be one of adbpg, .*got "oracle"/],
    ['no url', { type: 'adbpg', url: 'mysql://h/d', username: 'u' }, /url.*must look like jdbc:postgresql/],
    ['several hosts', { type: 'adbpg', url: 'jdbc:postgresql://a:1,b:2/d', username: 'u' }, /url.*must look like/],
    [
      'no number for a port',
      { type: 'adbpg', host: 'h', port: 'x', database: 'd', username: 'u' },
      /port.*must be a number/,
    ],
    ['an endpoint that is none', { type: 'oss', endpoint: 'ftp://h', bucket: 'bkt' }, /endpoint/],
    ['a name that breaks a coercion', { type: 'oss', endpoint: { toString: 1 }, bucket: 'bkt' }, /cannot be the name/],
  ])('is refused for %s', (_, definition, reason) => {
    expect(() => parseDatasourceFile(JSON.stringify({ name_1: definition }), 'named.json')).toThrow(reason)
  })

  test('a file of datasources may hold comments, and its faults tell the line', () => {
    const text = '{\n  // mine\n  "a": { "type": "postgresql", "host": "h", "database": "d", "username": "u", },\n}'
    expect(Object.keys(parseDatasourceFile(text, 'named.json'))).toEqual(['a'])
    expect(() => parseDatasourceFile(text.replace('"d"', '7'), 'named.json')).toThrow(
      /a\.database \(line 3, column 57\): must be a text, got 7/,
    )
    expect(() => parseDatasourceFile('[]', 'named.json')).toThrow(/must be an object, got an empty list/)
    expect(() => parseDatasourceFile('{"a b": {}}', 'named.json')).toThrow(/datasource name/)
    expect(() => parseDatasourceFile('{', 'named.json')).toThrow(/close brace expected/)
  })
})

describe('an address of JDBC', () => {
  test.each([
    ['jdbc:postgresql://h/d', 'h', 5432, 'd', 'disable'],
    ['jdbc:postgresql://h:1/d?sslmode=require', 'h', 1, 'd', 'require'],
    ['jdbc:postgresql://h:1/d?sslmode=verify-ca', 'h', 1, 'd', 'verify-full'],
    ['jdbc:postgresql://h:1/d?ssl=true&x=%ZZ', 'h', 1, 'd', 'require'],
    ['jdbc:postgresql://h:1/d?ssl=true&sslmode=disable', 'h', 1, 'd', 'disable'],
    ['jdbc:postgresql://[::1]:1/a%20b', '::1', 1, 'a b', 'disable'],
  ])('%s', (url, host, port, database, ssl) => {
    expect(parseJdbcUrl(url)).toMatchObject({ host, port, database, ssl })
  })

  test.each([
    '',
    'jdbc:mysql://h/d',
    'jdbc:postgresql://h',
    'jdbc:postgresql://h:0/d',
    'jdbc:postgresql://h:99999/d',
    'jdbc:postgresql://u:p@h/d',
    'jdbc:postgresql://h/%ZZ',
  ])('%s is none', (url) => {
    expect(parseJdbcUrl(url)).toBeNull()
  })
})
