import { describe, expect, test } from 'vitest'
import { fixedOffset } from '../../shared/job/fixed-offset.ts'
import { connectionOf, parseDatasource } from '../../shared/job/index.ts'
import { parseMysqlUrl } from '../../shared/job/mysql-url.ts'

describe('a zone with one offset', () => {
  test.each([
    ['+08:00', '+08:00'],
    ['-3', '-03:00'],
    ['GMT+8', '+08:00'],
    ['GMT 8', '+08:00'],
    ['UTC+05:30', '+05:30'],
    ['UTC', '+00:00'],
    ['GMT', '+00:00'],
    ['Z', '+00:00'],
    ['Asia/Shanghai', '+08:00'],
    ['Asia/Kolkata', '+05:30'],
    ['Etc/GMT-8', '+08:00'],
    ['America/New_York', null],
    ['Europe/Berlin', null],
    ['Mars/Olympus', null],
    ['+14:00', null],
    ['', null],
    ["+08:00'; drop table t", null],
  ])('%s is %s', (zone, offset) => {
    expect(fixedOffset(zone)).toBe(offset)
  })
})

describe('a URL of MySQL', () => {
  const plain = { host: 'h', port: 3306, database: 'd', timeZone: '+00:00', zeroDates: 'convertToNull', ssl: 'disable' }
  test.each([
    ['jdbc:mysql://h/d', {}],
    ['jdbc:mariadb://h:3307/d', { port: 3307 }],
    ['mysql://[::1]:1/d?user=u&password=p', { host: '::1', port: 1, user: 'u', password: 'p' }],
    ['jdbc:mysql://h/d?useSSL=true', { ssl: 'require' }],
    ['jdbc:mysql://h/d?useSSL=true&verifyServerCertificate=true', { ssl: 'verify-full' }],
    ['jdbc:mysql://h/d?sslMode=VERIFY_IDENTITY', { ssl: 'verify-full' }],
    ['jdbc:mysql://h/d?sslMode=DISABLED&useSSL=true', { ssl: 'disable' }],
    ['jdbc:mysql://h/d?serverTimezone=GMT+8', { timeZone: '+08:00' }],
    [
      'jdbc:mysql://h/d?serverTimezone=Asia%2FShanghai&zeroDateTimeBehavior=round',
      { timeZone: '+08:00', zeroDates: 'round' },
    ],
  ])('%s', (url, more) => {
    expect(parseMysqlUrl(url)).toMatchObject({ ...plain, ...more })
  })

  test.each([
    ['jdbc:postgresql://h/d', null],
    ['jdbc:mysql://a:1,b:2/d', null],
    ['jdbc:mysql://h/', null],
    ['jdbc:mysql://h:99999/d', null],
    ['jdbc:mysql://h/d?serverTimezone=Europe/Paris', expect.stringMatching(/no fixed offset/)],
    ['jdbc:mysql://h/d?zeroDateTimeBehavior=never', expect.stringMatching(/convertToNull, exception or round/)],
  ])('%s is refused', (url, reason) => {
    expect(parseMysqlUrl(url)).toEqual(reason)
  })

  test('makes a datasource, whose own fields go before it', () => {
    const datasource = {
      type: 'mysql',
      url: 'jdbc:mysql://h/d?serverTimezone=GMT%2B8',
      username: 'u',
      zeroDateTimeBehavior: 'exception',
    }
    expect(connectionOf(parseDatasource(datasource, 'a test').datasource)).toEqual({
      ...plain,
      kind: 'mysql',
      user: 'u',
      password: null,
      timeZone: '+08:00',
      zeroDates: 'exception',
    })
  })
})
