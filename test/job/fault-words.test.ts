import { expect, test } from 'vitest'
import { reader as adbpgReader, writer as adbpgWriter } from '../../shared/connectors/adbpg.ts'
import { reader as mysqlReader, writer as mysqlWriter } from '../../shared/connectors/mysql.ts'
import { reader as ossReader, writer as ossWriter } from '../../shared/connectors/oss.ts'
import { type Fault, faultText } from '../../shared/job/fault.ts'
import { readDatasource, readJobDocument } from '../../shared/job/index.ts'
import { optionNames } from '../../shared/job/option-names.ts'
import { checkText } from './script-environment.ts'

const ends = {
  oss: { reader: ossReader, writer: ossWriter, datasource: 'oss_local' },
  mysql: { reader: mysqlReader, writer: mysqlWriter, datasource: 'my_local' },
  adbpg: { reader: adbpgReader, writer: adbpgWriter, datasource: 'adbpg_local' },
} as const
type Kind = keyof typeof ends
type Role = 'reader' | 'writer'

const sound: Readonly<Record<`${Kind}${Role}`, Readonly<Record<string, unknown>>>> = {
  ossreader: { object: 'a.csv' },
  osswriter: { object: 'a', writeMode: 'append' },
  mysqlreader: { table: 't', column: ['*'] },
  mysqlwriter: { table: 't', column: ['*'] },
  adbpgreader: { table: 't', column: ['*'] },
  adbpgwriter: { table: 't', column: ['*'] },
}

function scriptWith(kind: Kind, role: Role, parameters: Readonly<Record<string, unknown>>) {
  const end = (own: Kind, its: Role, more: object) => ({
    name: `${own}${its}`,
    parameter: { datasource: ends[own].datasource, ...sound[`${own}${its}`], ...more },
  })
  const reader = role === 'reader' ? end(kind, 'reader', parameters) : end('oss', 'reader', {})
  const writer = role === 'writer' ? end(kind, 'writer', parameters) : end('adbpg', 'writer', {})
  return { job: { content: [{ reader, writer }], setting: { speed: { channel: 1 } } } }
}

const strange: readonly unknown[] = [
  ...[5, -1, 1e300, '', 'zz', true, null, {}, [], [[]], [{}], ['zz', 5], { zz: 1 }, [{ zz: 1 }], 'x'.repeat(300)],
  'a.b.c',
]

/** zod's words, JavaScript's, and a value told twice. */
const foreign = /Invalid |expected |received|Too (big|small)|undefined|Unrecognized|NaN|, got .*, got |^.*\(.*: *$/

const told = (faults: readonly Fault[]) => faults.map(faultText)

test.each(Object.keys(sound) as `${Kind}${Role}`[])(
  'whatever stands in an option of %s, faults are told in our words, each value once',
  async (name) => {
    const role = name.endsWith('reader') ? 'reader' : 'writer'
    const kind = name.slice(0, -role.length) as Kind
    const options = optionNames(ends[kind][role].options).filter((option) => option !== 'connection')
    expect(options.length).toBeGreaterThan(7)
    for (const option of options)
      for (const value of strange) {
        const { faults } = await checkText(JSON.stringify(scriptWith(kind, role, { [option]: value })))
        for (const line of told(faults)) expect(line).not.toMatch(foreign)
      }
  },
)

test('so are those of a job document and of a datasource', () => {
  const script = scriptWith('oss', 'reader', {})
  const members = ['name', 'description', 'parameters', 'triggers', 'notices', 'schedule', 'mapping', 'transform']
  const nested = [
    ...['every', 'step', 'at', 'days', 'months', 'hours'].map((name) => [
      'triggers',
      (value: unknown) => [{ type: 'schedule', cycle: { every: name === 'hours' ? 'hours' : 'year', [name]: value } }],
    ]),
    ...['cron', 'timeZone', 'from', 'type'].map((name) => [
      'triggers',
      (value: unknown) => [{ type: 'schedule', cycle: { every: 'day' }, [name]: value }],
    ]),
    ...['mode', 'missed', 'dependsOn', 'rerun', 'priority'].map((name) => [
      'schedule',
      (value: unknown) => ({ [name]: value }),
    ]),
    ...['on', 'webhook', 'format', 'secret'].map((name) => [
      'notices',
      (value: unknown) => [{ webhook: 'env:X', [name]: value }],
    ]),
    ...['do', 'column', 'start'].map((name) => [
      'transform',
      (value: unknown) => [{ do: 'substr', column: 0, start: 0, length: 1, [name]: value }],
    ]),
  ] as unknown as (readonly [string, (value: unknown) => unknown])[]
  const whole = members.map((name) => [name, (value: unknown) => value] as const)
  for (const [name, around] of [...whole, ...nested])
    for (const value of strange) {
      const { faults } = readJobDocument(JSON.stringify({ name: 'a', script, [name]: around(value) }), null)
      for (const line of told(faults)) expect(line).not.toMatch(foreign)
    }
  for (const type of ['adbpg', 'mysql', 'oss', 'zz', 5])
    for (const name of [
      'host',
      'port',
      'database',
      'username',
      'ssl',
      'url',
      'endpoint',
      'bucket',
      'timeZone',
      'address',
    ])
      for (const value of strange) {
        const { faults } = readDatasource(
          { type, host: 'h', database: 'd', username: 'u', bucket: 'bkt', endpoint: 'http://h', [name]: value },
          [],
        )
        for (const line of told(faults)) expect(line).not.toMatch(foreign)
      }
})

test.each([
  [{ overwrite: { partion: 'p' } }, 'overwrite.partion', 'did you mean partition?'],
  [{ overwrite: { partition: 'p', wher: 'x' } }, 'overwrite.wher', 'did you mean where?'],
  [{ overwrite: { nothing: 'like it' } }, 'overwrite.nothing', 'known are partition, where'],
])('a name within an object that is not known comes with the nearest: %o', async (parameters, path, says) => {
  const { faults } = await checkText(JSON.stringify(scriptWith('adbpg', 'writer', parameters)))
  expect(told(faults)).toEqual([expect.stringContaining(`writer.parameter.${path} `)])
  expect(told(faults)[0]).toContain(says)
})

test.each([
  [{ triggers: [{ type: 'object', prefx: 'a' }] }, /triggers\[0\]\.prefx .*did you mean prefix\?/],
  [{ triggers: [{ type: 'schedule', cycle: { every: 'day', att: '01:00' } }] }, /cycle\.att .*did you mean at\?/],
  [{ triggers: [{ type: 'schedule', cycle: { every: 'day', frm: '01:00' } }] }, /cycle\.frm .*known are every, at/],
  [{ schedule: { rerun: { time: 1 } } }, /rerun\.time .*did you mean times\?/],
  [{ notices: [{ webhok: 'env:X' }] }, /notices\[0\]\.webhok .*did you mean webhook\?/],
  [{ transform: [{ do: 'substr', colum: 0, start: 0, length: 1 }] }, /transform\[0\]\.colum .*did you mean column\?/],
])('in a document too, and the member that it was meant to be is not told as missing: %o', (more, says) => {
  const { faults } = readJobDocument(
    JSON.stringify({ name: 'a', script: scriptWith('oss', 'reader', {}), ...more }),
    null,
  )
  expect(told(faults)).toEqual([expect.stringMatching(says)])
})

test.each([
  [{ cycle: { every: 'month', days: [32] } }, [/cycle\.days\[0\] .*at most 31/]],
  [{ cycle: { every: 'day', at: '5:00' } }, [/cycle\.at .*such as 05:30/]],
  [
    { cycle: { every: 'hour', from: '05:00', to: '03:00', step: 99 } },
    [/cycle\.step /, /cycle\.to .*before from, got "03:00"/],
  ],
  [{ cycle: { every: 'day', at: '25:00' }, timeZone: 'Moon' }, [/cycle\.at /, /timeZone .*not known/]],
  [{ cron: '0 99 5 * * *', timeZone: 'Moon' }, [/timeZone .*not known/, /cron .*minute/]],
  [{ cron: 'CRON_TZ=Moon 0 0 5 * * *' }, [/cron .*not known/]],
  [{ cron: '0 0 5 * * *', cycle: { every: 'dai' } }, [/cycle\.every /]],
])('of a schedule each cause is told once: %o', (trigger, expected) => {
  const text = JSON.stringify({ script: scriptWith('oss', 'reader', {}), triggers: [{ type: 'schedule', ...trigger }] })
  expect(told(readJobDocument(text, 'a').faults)).toEqual(expected.map((says) => expect.stringMatching(says)))
})
