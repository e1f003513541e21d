import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convertScript, type ScriptForm, scriptFormOf } from '../../shared/job/convert-script.ts'
import { type Fault, pathText } from '../../shared/job/fault.ts'
import { type JobSpec, parseJobDocument } from '../../shared/job/index.ts'
import { readGoldens } from '../support/golden.ts'
import { catalogue, checkText, findDatasource } from './script-environment.ts'

const names = { catalogue, findDatasource }
const convert = (text: string, to: ScriptForm | null) => convertScript(parseJobDocument(text, 'golden'), to, names)
const said = (remarks: readonly Fault[]) => remarks.map(({ path, message }) => `${pathText(path)}: ${message}`)

/** What is told on the way there differs from form to form; the job may not. */
const jobOf = (spec: JobSpec | null) => spec && { ...spec, warnings: [] }

const chains: readonly (readonly ScriptForm[])[] = [
  ['datax'],
  ['dataworks'],
  ['job'],
  ['datax', 'dataworks'],
  ['dataworks', 'datax'],
  ['job', 'datax', 'job', 'dataworks', 'datax', 'job'],
]

async function expectSame(text: string): Promise<void> {
  const { document } = parseJobDocument(text, 'golden')
  const expected = jobOf((await checkText(text)).spec)
  for (const chain of chains) {
    let converted = text
    let rounded = false
    for (const form of chain) {
      const { script, remarks } = await convert(converted, form)
      converted = JSON.stringify(script)
      rounded ||= said(remarks).some((remark) => remark.includes('DataX divides whole bytes'))
    }
    // Said to have no place in a bare script; with it, the job must be the same again.
    const { mapping, parameters } = document
    const bare = parseJobDocument(converted, 'golden').document
    const { spec, printed } = await checkText(JSON.stringify({ ...bare, mapping, parameters }), standard)
    const cap = expected?.settings.bytesPerSecond ?? 0
    const near = rounded && cap - (spec?.settings.bytesPerSecond ?? 0) < (spec?.settings.concurrent ?? 0)
    const settings = near ? { ...spec?.settings, bytesPerSecond: cap } : spec?.settings
    expect({ chain, ...jobOf(spec), settings }, `${printed}\n${converted}`).toEqual({
      chain,
      ...expected,
      name: spec?.name,
    })
  }
}
const standard = { bizdate: '20261123', cyctime: '20261124050000', dt: '20261123' }

describe('a script in another form, there and back, is the same job', () => {
  const sound = readGoldens().filter(({ expected }) => expected.spec !== null)

  test.each(sound)('$name', async ({ text }) => {
    // `dt` of one of them names another parameter, which a caller's value may not.
    await expectSame(text.replace('"dt": "$bizdate"', '"dt": "20261123"'))
  })

  test('whatever its settings', async () => {
    const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
    const speed = fc.record({
      channel: maybe(fc.constantFrom<unknown>(1, '4', 7, '')),
      Concurrent: maybe(fc.constantFrom<unknown>(2, '3', '', null)),
      throttle: maybe(fc.constantFrom<unknown>(true, 'true', false, 'false')),
      mbps: maybe(fc.constantFrom<unknown>(2, '14', 28)),
      byte: maybe(fc.constantFrom<unknown>(-1, 8808038400, '4404019200', '')),
      record: maybe(fc.constantFrom<unknown>(0, 1000, '')),
      dmu: maybe(fc.constant(1)),
    })
    const errorLimit = fc.record({
      record: maybe(fc.constantFrom<unknown>('', 0, '10', 5)),
      Percentage: maybe(fc.constantFrom<unknown>(0.5, '0.1')),
      strategy: maybe(fc.constantFrom<unknown>('Ignore', 'zeroTolerance', '')),
    })
    const setting = fc.record({ speed: maybe(speed), ErrorLimit: maybe(errorLimit), executeMode: fc.constant(null) })
    const core = maybe(fc.constantFrom({ byte: 1048576 * 3 }, { record: 50 }))
    await fc.assert(
      fc.asyncProperty(setting, core, fc.boolean(), async (given, channel, isDatax) => {
        const oss = { datasource: 'oss_local', object: 'a.csv', column: ['*'] }
        const adbpg = { datasource: 'adbpg_local', table: 't', column: ['*'] }
        const datax = {
          core: channel && { transport: { channel: { speed: channel } } },
          job: {
            content: [{ reader: { name: 'ossreader', parameter: oss }, writer: { name: 'adbpg', parameter: adbpg } }],
            setting: given,
          },
        }
        const steps = [
          { stepType: 'oss', category: 'reader', parameter: oss },
          { category: 'writer', parameter: adbpg },
        ]
        await expectSame(JSON.stringify(isDatax ? datax : { type: 'job', steps, setting: given }))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a conversion', () => {
  const job = (setting: unknown, reader: object = { stepType: 'oss' }) =>
    JSON.stringify({
      type: 'job',
      steps: [
        { ...reader, category: 'reader', parameter: { datasource: 'oss_local', object: 'a.csv' } },
        { stepType: 'Analyticdb_for_postgresql', category: 'writer', parameter: { table: 't', column: ['*'] } },
      ],
      setting,
    })

  test('finds the type of a step by its datasource, or asks for it', async () => {
    const { script } = await convert(job({}, {}), 'datax')
    expect(script).toMatchObject({
      job: { content: [{ reader: { name: 'ossreader' }, writer: { name: 'adbpgwriter' } }] },
    })
    const unknown = convertScript(parseJobDocument(job({}, {}), 'a'), 'datax', {
      ...names,
      findDatasource: async () => null,
    })
    await expect(unknown).rejects.toMatchObject({
      code: 'job/unknown-datasource',
      message: expect.stringMatching(
        /steps\[0\]\.parameter\.datasource \(line 1, column \d+\): .*--datasources, got "oss_local"/,
      ),
    })
    const nothing = JSON.stringify({ steps: [{ category: 'reader' }, { category: 'writer', stepType: 'adbpg' }] })
    await expect(convert(nothing, 'datax')).rejects.toThrow(/steps\[0\]\.stepType.*name a reader/)
  })

  test('keeps a parameter where a number is wanted', async () => {
    const { script } = await convert(job({ speed: { concurrent: '${n}', throttle: true, mbps: '${m}' } }), 'datax')
    expect(script).toMatchObject({ job: { setting: { speed: { channel: '${n}' } } } })
    expect((await convert(JSON.stringify(script), 'dataworks')).script).toMatchObject({
      setting: { speed: { concurrent: '${n}' } },
    })
  })

  test('gives DataX the caps it demands, and DataWorks those it knows', async () => {
    const { script } = await convert(job({ speed: { concurrent: 4, throttle: true, mbps: 10 } }), 'datax')
    expect(script).toMatchObject({
      core: { transport: { channel: { speed: { byte: 2621440 } } } },
      job: { setting: { speed: { channel: 4, byte: 10485760 } } },
    })
    expect((await convert(JSON.stringify(script), 'dataworks')).script).toMatchObject({
      setting: { speed: { concurrent: 4, throttle: true, mbps: 10 } },
    })
  })

  test('says what has no place in the other form', async () => {
    const uneven = await convert(
      job({ speed: { concurrent: 3, throttle: true, mbps: 1 }, executeMode: 'distribute' }),
      'datax',
    )
    expect(said(uneven.remarks)).toEqual([
      expect.stringMatching(/^steps\[0\]\.parameter\.datasource: .*DataX knows no datasources/),
      'setting.executeMode: means nothing to DataX',
      'setting.speed.mbps: becomes 1048575 bytes a second: DataX divides whole bytes among 3 channels',
    ])
    const datax = {
      core: { container: { taskGroup: { channel: 3 } } },
      entry: { jvm: '-Xmx1g' },
      common: { column: { timeZone: 'GMT+8' } },
      job: {
        content: [{ reader: { name: 'mysqlreader' }, writer: { name: 'adbpgwriter' } }],
        setting: { speed: { record: 9 } },
      },
    }
    const around = { description: 'x', parameters: { a: '1' }, triggers: [{ type: 'object' }], mapping: 'byName' }
    const wrapped = { script: datax, ...around }
    const { script, remarks } = await convert(JSON.stringify(wrapped), null)
    expect(script).toMatchObject({
      steps: [{ stepType: 'mysql' }, { stepType: 'adbpg' }],
      setting: { common: datax.common, speed: { record: 9 } },
    })
    expect(said(remarks).map((line) => line.split(':')[0])).toEqual([
      'script.common',
      'script.job.setting.speed',
      'script.core',
      'script.entry',
      'script.job.setting.speed.record',
      'description',
      'parameters',
      'mapping',
      'triggers',
    ])
    const labelled = { stepType: 'oss', description: 'from landing' }
    expect(said((await convert(job({}, labelled), 'datax')).remarks)).toContainEqual(
      'steps[0].description: is of a step and has no place in a DataX job',
    )
  })

  test('is asked for by name', () => {
    expect(scriptFormOf('DataX')).toBe('datax')
    expect(scriptFormOf('yaml')).toBeNull()
  })
})
