import { expect, it } from 'vitest'
import { readDatasource, readJobDocument } from '../../shared/job/index.ts'
import { checkText } from './script-environment.ts'

/** A zone that nobody knows is one fault, where it stands, with the zone that was probably meant. */
const nearest = 'the time zone Asia/Shangai is not known; did you mean Asia/Shanghai?'

const job = (trigger: string) => `{
  "name": "a", "script": {},
  "triggers": [
    ${trigger}
  ]
}`

it.each([
  ['timeZone', '{"type": "schedule", "cron": "0 0 5 * * *", "timeZone": "Asia/Shangai"}', 61],
  ['timeZone', '{"type": "schedule", "cycle": {"every": "day"}, "timeZone": "Asia/Shangai"}', 65],
  ['cron', '{"type": "schedule", "cron": "CRON_TZ=Asia/Shangai 0 0 5 * * *"}', 34],
])('in %s of %s', (name, trigger, column) => {
  const { faults } = readJobDocument(job(trigger), 'a')
  expect(faults).toMatchObject([{ severity: 'error', path: ['triggers', 0, name], line: 4, column }])
  expect(faults[0]?.message).toContain(nearest)
})

it('in a definition of a datasource, in our form and in those of DataWorks', () => {
  const base = { type: 'mysql', host: 'h', database: 'd', username: 'u' }
  const forms = [
    [{ ...base, timeZone: 'Asia/Shangai' }, 'timeZone'],
    [{ ...base, properties: { serverTimezone: 'Asia/Shangai' } }, 'properties'],
    [{ type: 'mysql', username: 'u', url: 'jdbc:mysql://h/d?serverTimezone=Asia/Shangai' }, 'url'],
  ] as const
  for (const [definition, name] of forms) {
    const { faults } = readDatasource(definition, [])
    expect(faults).toMatchObject([{ severity: 'error', path: [name] }])
    expect(faults[0]?.message).toContain(nearest)
  }
})

it.each(['mysqlreader', 'mysqlwriter'])('in the address of a %s', async (name) => {
  const address = 'jdbc:mysql://h/d?serverTimezone=Asia/Shangai'
  const mysql = {
    name,
    parameter: { connection: [{ jdbcUrl: [address], table: ['t'] }], username: 'u', column: ['*'] },
  }
  const adbpg = (role: string) => ({
    name: `adbpg${role}`,
    parameter: { datasource: 'adbpg_local', table: 't', column: ['*'] },
  })
  const [reader, writer] = name === 'mysqlreader' ? [mysql, adbpg('writer')] : [adbpg('reader'), mysql]
  const text = JSON.stringify({ job: { content: [{ reader, writer }], setting: { speed: { channel: 1 } } } })
  const errors = (await checkText(text)).faults.filter(({ severity }) => severity === 'error')
  const role = name.replace('mysql', '')
  const path = ['job', 'content', 0, role, 'parameter', 'connection', 0, 'jdbcUrl', 0]
  expect(errors).toMatchObject([{ path, line: 1, column: text.indexOf(`"${address}"`) + 1 }])
  expect(errors[0]?.message).toContain(nearest)
})

it('a zone that is known and keeps no offset is told apart', () => {
  const { faults } = readDatasource(
    { type: 'mysql', host: 'h', database: 'd', username: 'u', timeZone: 'Europe/Berlin' },
    [],
  )
  expect(faults[0]?.message).toMatch(/Europe\/Berlin has no fixed offset/)
})
