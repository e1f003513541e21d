import { expect, it } from 'vitest'
import { checkText } from './script-environment.ts'

const script = (speed: string) => `{
  "job": {
    "content": [{
      "reader": {"name": "ossreader", "parameter": {"datasource": "oss_local", "object": "a.csv", "column": ["*"]}},
      "writer": {"name": "adbpgwriter", "parameter": {"datasource": "adbpg_local", "table": "t", "column": ["*"]}}
    }],
    "setting": {"speed": ${speed}}
  }
}`

it.each([
  ['{"channel": 1.5}', 'channel', 38],
  ['{"channel": "1.5"}', 'channel', 38],
  ['{"concurrent": 2.000001}', 'concurrent', 41],
])('a part of a channel is refused where it stands: %s', async (speed, name, column) => {
  const { spec, faults } = await checkText(script(speed))
  expect(spec).toBeNull()
  expect(faults).toMatchObject([
    {
      severity: 'error',
      path: ['job', 'setting', 'speed', name],
      line: 7,
      message: expect.stringMatching(/whole number of at least 1/),
    },
  ])
  expect(faults[0]?.column).toBe(column)
})

it.each([['{"channel": "2"}'], ['{"channel": 2.0}'], ['{"concurrent": " 2. "}']])(
  'a whole number may be a text: %s',
  async (speed) => {
    expect((await checkText(script(speed))).spec?.settings.concurrent).toBe(2)
  },
)

it.each(['adbpg', 'mysql', 'postgresql'])(
  'a blank column of %s would move the others, so it is refused',
  async (kind) => {
    const blank = { column: ['id', ' ', 'note'], table: 't' }
    const end = (role: string) => ({
      name: `${kind}${role}`,
      parameter: { datasource: { adbpg: 'adbpg_local', mysql: 'my_local', postgresql: 'pg_local' }[kind], ...blank },
    })
    const content = [{ reader: end('reader'), writer: end('writer') }]
    const { faults } = await checkText(JSON.stringify({ job: { content, setting: { speed: { channel: 1 } } } }))
    for (const role of ['reader', 'writer'])
      expect(faults).toContainEqual(
        expect.objectContaining({ path: ['job', 'content', 0, role, 'parameter', 'column', 1], severity: 'error' }),
      )
  },
)
