import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connectionOf, parseDatasource, parseDatasourceFile, readDatasource } from '../../shared/job/index.ts'
import { parseJdbcUrl } from '../../shared/job/jdbc-url.ts'

const connection = (definition: unknown) => connectionOf(parseDatasource(definition, 'test').datasource)

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

  test('of a database may cap its connections', () => {
    const definition = { host: 'h', database: 'dw', username: 'u', MaxConnections: '4' }
    expect(connection({ type: 'adbpg', ...definition })).toMatchObject({ kind: 'postgres', maxConnections: 4 })
    expect(connection({ type: 'mysql', ...definition })).toMatchObject({ kind: 'mysql', maxConnections: 4 })
    for (const maxConnections of [0, -1, 1.5, 1001, 'many'])
      expect(
        () => parseDatasource({ type: 'mysql', host: 'h', database: 'd', username: 'u', maxConnections }, 'd'),
        String(maxConnections),
      ).toThrow(/maxConnections/)
    const oss = { type: 'oss', endpoint: 'oss-cn-shanghai.aliyuncs.com', bucket: 'bkt', maxConnections: 4 }
    expect(readDatasource(oss, []).faults).toMatchObject([{ severity: 'warning', path: ['maxConnections'] }])
  })

  const account = { database: 'dw', username: 'u', password: 'kms:team/pw@1#AccountPassword' }
  const expectedOfDataworks = { kind: 'postgres', host: 'gp', port: 3432, database: 'dw', user: 'u', ssl: 'require' }

  test.each([
    [
      'url mode',
      {
        type: 'analyticdb_for_postgresql',
        envType: 'Prod',
        address: [{ host: 'gp', port: '3432' }],
        properties: { sslmode: 'require' },
        ...account,
      },
    ],
    [
      'the API, with the properties as a text and names in any case',
      {
        Type: 'Analyticdb_For_PostgreSQL',
        ConnectionPropertiesMode: 'UrlMode',
        ConnectionProperties: JSON.stringify({ Address: '["gp:3432"]', PROPERTIES: { ssl: 'true' }, ...account }),
      },
    ],
    [
      'instance mode, with the address beside it',
      { type: 'adbpg', instanceId: 'gp-1', regionId: 'cn-x', host: 'gp', port: 3432, ssl: 'require', ...account },
    ],
  ])('is read in the form of DataWorks: %s', (_, definition) => {
    expect(connection(definition)).toEqual({ ...expectedOfDataworks, password: account.password })
  })

  test('of MySQL takes driver settings that mean something here', () => {
    const properties = { serverTimezone: 'GMT+8', useSSL: 'true', useUnicode: 'true' }
    const given = { type: 'mysql', address: [{ host: 'fe80::1', port: 3306 }], properties, ...account, database: 'a b' }
    const { datasource, warnings } = parseDatasource(given, 'test')
    expect(connectionOf(datasource)).toMatchObject({
      host: 'fe80::1',
      database: 'a b',
      timeZone: '+08:00',
      ssl: 'require',
    })
    expect(warnings.map(({ path }) => path)).toEqual([['properties', 'useUnicode']])
  })

  test('says what of it has no effect, once each, with what was probably meant', () => {
    const given = {
      type: 'oss',
      endpoint: 'http://h',
      bucket: 'bkt',
      hoost: 'h',
      database: 'd',
      tag: 'public',
      accessId: '',
      accessKey: '',
    }
    const { datasource, warnings } = parseDatasource(given, 'test')
    expect(connectionOf(datasource)).toMatchObject({ credentials: null })
    expect(warnings.map(({ path, message }) => [path[0], message])).toEqual([
      ['hoost', 'is not known here and has no effect; did you mean host?'],
      ['database', 'has no effect for a datasource of this type'],
    ])
  })

  test('in our own form is read as it was written', () => {
    for (const given of [
      { type: 'oss', endpoint: 'http://h', bucket: 'bkt', regionId: 'cn-shanghai', accessId: 'a', accessKey: 'env:K' },
      { type: 'mysql', url: 'jdbc:mysql://h/d?serverTimezone=GMT%2B8', username: 'u' },
      { type: 'adbpg', address: ['h:1'], ...account },
    ]) {
      const { datasource } = parseDatasource(given, 'test')
      expect(parseDatasource(datasource, 'test')).toEqual({ datasource, warnings: [] })
    }
  })

  test.each(['type', 'host', 'database', 'properties'])(
    'an object whose toString is data crashes nothing as %s',
    (name) => {
      const sound = { type: 'adbpg', host: 'h', database: 'd', username: 'u', properties: { ssl: true } }
      const definition: Readonly<Record<string, unknown>> = { ...sound, [name]: { toString: 0 } }
      expect(readDatasource(definition, []).faults).not.toEqual([])
      expect(readDatasource({ ...definition, properties: { ssl: { toString: 0 } } }, []).faults).toEqual(
        expect.any(Array),
      )
    },
  )

  test('never crashes the reader, whatever it is', () => {
    const names = ['type', 'address', 'properties', 'connectionProperties', 'host', 'port', 'url', 'accessKey', 'x']
    const member = fc.oneof(fc.jsonValue(), fc.constantFrom('adbpg', 'oss', 'mysql', '[{}]', '{"a":1}'))
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), member), (definition) => {
        const { datasource, faults } = readDatasource(definition, [])
        expect(datasource === null).toBe(faults.some(({ severity }) => severity === 'error'))
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    [
      'half a pair of keys',
      { type: 'oss', endpoint: 'http://h', bucket: 'bkt', accessId: 'a' },
      /accessKey.*go together/,
    ],
    [
      'a password in the host',
      { type: 'adbpg', host: 'u:plain@h', database: 'd', username: 'u' },
      /host.*must be a name or an address alone/,
    ],
    [
      'a secret under a name that nobody knows',
      { type: 'adbpg', host: 'h', database: 'd', username: 'u', mySecret: 'plain' },
      /mySecret.*plain text/,
    ],
    ['no host', { type: 'adbpg', database: 'd', username: 'u' }, /name_1\.host.*is missing/],
    [
      'two addresses',
      { type: 'adbpg', address: [{ host: 'a' }, { host: 'b' }], database: 'd', username: 'u' },
      /address.*one host and port, got 2/,
    ],
    [
      'an instance without an address',
      { type: 'analyticdb_for_postgresql', instanceId: 'gp-1', regionId: 'cn-hangzhou', database: 'd', username: 'u' },
      /instanceId.*give host and port/,
    ],
    [
      'a password among driver settings',
      { type: 'adbpg', host: 'h', database: 'd', username: 'u', properties: { password: 'plain' } },
      /properties\.password.*plain text/,
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
    expect(Object.keys(parseDatasourceFile(text, 'named.json').datasources)).toEqual(['a'])
    expect(() => parseDatasourceFile(text.replace('"d"', '7'), 'named.json')).toThrow(
      /a\.database \(line 3, column 57\): must be a text, got 7/,
    )
    expect(() => parseDatasourceFile('[]', 'named.json')).toThrow(/must be an object of datasources, got an empty list/)
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
