import { describe, expect, test } from 'vitest'
import type { TransferError } from '../../shared/errors/index.ts'
import { convertScript } from '../../shared/job/convert-script.ts'
import { type Fault, faultsError, faultText } from '../../shared/job/fault.ts'
import { checkJob, parseDatasourceText, parseJobDocument, readJobDocument } from '../../shared/job/index.ts'
import { runDatesOf } from '../../shared/schedule/index.ts'
import { catalogue, checkText, findDatasource } from './script-environment.ts'

const told = (faults: readonly Fault[]) =>
  faults.map((fault) => `${fault.severity} ${faultText({ ...fault, line: null })}`)

interface Parts {
  readonly reader?: object
  readonly writer?: object
  readonly setting?: object
}
const oss = { name: 'ossreader', parameter: { datasource: 'oss_local', object: 'a.csv' } }
const adbpg = { name: 'adbpgwriter', parameter: { datasource: 'adbpg_local', table: 't', column: ['*'] } }
const script = ({ reader = oss, writer = adbpg, setting = {} }: Parts = {}) => ({
  job: { content: [{ reader, writer }], setting: { speed: { channel: 1 }, ...setting } },
})
const adbpgWith = (more: object) => ({ ...adbpg, parameter: { ...adbpg.parameter, ...more } })
const faultsOf = async (parts: Parts) => told((await checkText(JSON.stringify(script(parts)))).faults)

describe('one pass tells all', () => {
  test('a warning stands beside an error, in the text and for programs', async () => {
    const writer = adbpgWith({ tabel: 'x', table: 'a.b.c' })
    const { faults } = await checkText(JSON.stringify(script({ writer }), null, 2))
    const error = faultsError(faults)
    expect(error.message.split('\n')).toEqual([
      expect.stringMatching(/^job.*writer\.parameter\.table \(line \d+, column \d+\): must be/),
      expect.stringMatching(/^warning: job.*writer\.parameter\.tabel \(line \d+.*did you mean table\?/),
    ])
    const path = 'job.content[0].writer.parameter.'
    expect(error.report().faults).toEqual([
      { severity: 'error', path: `${path}table`, line: 16, column: expect.any(Number), message: expect.any(String) },
      { severity: 'warning', path: `${path}tabel`, line: 20, column: expect.any(Number), message: expect.any(String) },
    ])
  })

  test('a fault of the text is among the warnings of a job that can run', async () => {
    const text = JSON.stringify(script(), null, 2).replace('"adbpgwriter",', '"adbpgwriter"')
    expect((await checkText(text)).spec?.warnings).toEqual([
      expect.stringMatching(/line 14, column \d+\): comma expected/),
    ])
  })

  test('what is wrong with a document does not hide what is wrong with its script', async () => {
    const whole = {
      triggers: [{ type: 'object', prefx: 'in/' }],
      script: script({ writer: adbpgWith({ tabel: 'x' }) }),
    }
    const { parsed, remains, faults } = readJobDocument(JSON.stringify(whole), 'a')
    expect(parsed).toBeNull()
    if (remains === null) throw new Error('nothing remains')
    const more = await checkJob(remains, {
      ...{ catalogue, findDatasource, parameters: {}, hoistSecret: null },
      datasourceNames: async () => [],
      dates: runDatesOf(new Date(), 'UTC'),
    })
    expect(told([...faults, ...more.faults])).toEqual([
      expect.stringMatching(/^error triggers\[0\]\.prefx/),
      expect.stringMatching(/^warning script\.job.*tabel/),
    ])
  })

  test('without its parameters, a script would have faults that are none', () => {
    expect(readJobDocument(JSON.stringify({ script: script(), parameters: 5 }), 'a').remains).toBeNull()
  })

  test('a datasource that nobody knows hides nothing, and the nearest is offered', async () => {
    const reader = { ...oss, parameter: { datasource: 'oss_lokal', obect: 'x', object: 'a', skipHeader: 'maybe' } }
    const writer = {
      name: 'mysqlwriter',
      parameter: { datasource: 'nothing_like', table: 'a.b.c', column: ['*'], batchSize: 'x' },
    }
    expect(await faultsOf({ reader, writer })).toEqual([
      expect.stringMatching(
        /reader\.parameter\.datasource: no datasource is named "oss_lokal"; did you mean oss_local\?$/,
      ),
      expect.stringMatching(/^warning .*obect.*did you mean object\?/),
      expect.stringMatching(/skipHeader: must be true or false/),
      expect.stringMatching(/writer\.parameter\.datasource: .*register it/),
      expect.stringMatching(/batchSize: must be a number/),
      expect.stringMatching(/table: must be "name" or "database\.name", got "a\.b\.c"$/),
    ])
  })

  test('nor does a plugin that nobody knows, where its datasource has a type', async () => {
    const reader = { name: 'osreader', parameter: { ...oss.parameter, obect: 'x' } }
    expect(await faultsOf({ reader })).toEqual([
      expect.stringMatching(/reader\.name: no reader has this name; did you mean oss\?/),
      expect.stringMatching(/^warning .*obect/),
    ])
  })

  test('nor does a datasource that cannot be read', async () => {
    const parsed = parseJobDocument(JSON.stringify(script({ writer: adbpgWith({ tabel: 'x' }) })), 'a')
    const { faults } = await checkJob(parsed, {
      ...{ catalogue, parameters: {}, hoistSecret: null, dates: runDatesOf(new Date(), 'UTC') },
      datasourceNames: async () => [],
      findDatasource: async (name) =>
        name === 'adbpg_local'
          ? parseDatasourceText('{"type": "adbpg",\n "host": 5}', 'datasources/adbpg_local.json')
          : findDatasource(name),
    })
    expect(told(faults)).toEqual([
      expect.stringMatching(
        /datasource: names a datasource that cannot be used: datasources\/adbpg_local\.json: host \(line 2, column 10\)/,
      ),
      expect.stringMatching(/^warning .*tabel/),
    ])
  })

  test('a conversion tells what the reading of the script told', async () => {
    const parsed = parseJobDocument(
      JSON.stringify(script({ writer: adbpgWith({ tabel: 'x' }), setting: { speeed: 1 } })),
      'a',
    )
    for (const to of ['dataworks', 'datax', 'job'] as const) {
      const { remarks } = await convertScript(parsed, to, { catalogue, findDatasource })
      expect(told(remarks)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/tabel.*did you mean table\?/),
          expect.stringMatching(/speeed.*did you mean speed\?/),
        ]),
      )
    }
  })

  test('a datasource file is told by line and column, also where it is no JSON', () => {
    const errorOf = (text: string) => {
      try {
        return parseDatasourceText(text, 'x.json')
      } catch (thrown) {
        return thrown as TransferError
      }
    }
    expect(errorOf('{\n  "type": }')).toMatchObject({
      code: 'job/syntax',
      message: expect.stringMatching(/^x\.json: job \(line 2, column 11\)/),
    })
    expect(errorOf('{"type": "adbpg",\n "port": "x", "hst": 1}')).toMatchObject({
      message: expect.stringMatching(
        /port \(line 2, column 10\).*\n[\s\S]*warning: x\.json: hst \(line 2, column 22\).*did you mean host\?/,
      ),
    })
  })
})

describe('of two settings of which one counts, the other is told', () => {
  test.each([
    [{ speed: { channel: 4, concurrent: 2 } }, /speed\.channel: has no effect beside concurrent/],
    [{ speed: { channel: 1, mbps: 3 } }, /speed\.mbps: has no effect without throttle true/],
    [{ errorLimit: { strategy: 'Ignore', record: 4 } }, /errorLimit\.record: has no effect beside strategy Ignore/],
    [{ errorLimit: { strategy: 'ZeroTolerance', percentage: 0.1 } }, /errorLimit\.percentage: .*ZeroTolerance/],
  ])('%o', async (setting, says) => {
    expect(await faultsOf({ setting })).toEqual([expect.stringMatching(says)])
  })

  test.each([
    [{ speed: { channel: '2', concurrent: 2 } }],
    [{ speed: { channel: 1, throttle: false, mbps: 3 } }],
    [{ errorLimit: { strategy: 'ZeroTolerance', record: 0 } }],
  ])('but not where both say the same, or the wizard left it: %o', async (setting) => {
    expect(await faultsOf({ setting })).toEqual([])
  })

  test.each([
    [
      { conflictMode: 'replace', uniqueIndexColumn: ['id'], updateColumn: ['id', 'name'] },
      /updateColumn: names id of uniqueIndexColumn; columns of the key are never updated/,
    ],
    [
      { conflictMode: 'replace', uniqueIndexColumn: ['id'], uniqueIndexColumns: [['a', 'b']] },
      /uniqueIndexColumns: has no effect beside uniqueIndexColumn/,
    ],
  ])('%o', async (more, says) => {
    expect(await faultsOf({ writer: adbpgWith(more) })).toEqual([expect.stringMatching(says)])
  })

  test('an address beside a URL', async () => {
    const parameter = {
      jdbcUrl: 'jdbc:postgresql://h:5432/d?user=a',
      host: 'other',
      port: 5432,
      username: 'u',
      table: 't',
      column: ['*'],
    }
    expect(await faultsOf({ writer: { name: 'adbpgwriter', parameter } })).toEqual([
      expect.stringMatching(/host: has no effect beside jdbcUrl/),
      expect.stringMatching(/username: counts, and not the user of jdbcUrl/),
    ])
  })
})
