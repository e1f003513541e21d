import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { everyEnd } from '../../shared/editor/connector-options.ts'
import { readJobDocument } from '../../shared/job/index.ts'
import { connectionNames } from '../../shared/job/inline-connection.ts'
import { readGoldens } from '../support/golden.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const schema = JSON.parse(readFileSync(`${root}schema/job.schema.json`, 'utf8')) as object
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false, strictTuples: false })
const validate = ajv.compile(schema)

/** Where an editor sees something wrong. */
function faultsOf(value: unknown): string[] {
  validate(value)
  return (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ instancePath, message }) => `${instancePath} ${message}`)
}

describe('the schema for editors', () => {
  /** The parser takes more than an editor should propose. */
  const lenientOnly: Readonly<Record<string, string>> = {
    'comments-and-commas': 'names and categories in another case',
    'datax-names-in-any-case': 'names in another case',
    'dataworks-adbpg-writer-conflict-ignore': 'a choice in another case',
    'dataworks-adbpg-writer-atomic': 'a name in another case',
    'dataworks-adbpg-writer-overwrite-partition': 'a name in another case',
    'datax-osswriter-every-option': 'a choice in another case',
    'dataworks-oss-reader-every-option': 'names and types in another case',
    'incremental-by-time': 'names in another case',
    'dataworks-both-datasource-and-connection': 'a name in another case',
    'datax-transformers-of-a-table': 'a transformer in another case',
  }
  const sound = readGoldens().filter(({ expected }) => expected.spec !== null)

  test.each(sound)('$name', ({ name, text, expected }) => {
    const value = parsedOf(text)
    // What the parser warns of is not known to an editor either.
    const isWarned = expected.faults.some(({ says }) => /not known here|did you mean/.test(says))
    if (name in lenientOnly || isWarned) expect(faultsOf(value).length).toBeGreaterThan(0)
    else expect(faultsOf(value)).toEqual([])
  })

  test('has nothing to say of the examples that people see', () => {
    const readme = readFileSync(`${root}README.md`, 'utf8')
    const blocks = [...readme.matchAll(/^```json\n(.*?)^```/gms)].map(([, text = '']) => parsedOf(text))
    const jobs = blocks.filter((block) => typeof block === 'object' && block !== null && 'script' in block)
    expect(jobs.length).toBeGreaterThan(0)
    const demo = readdirSync(`${root}shared/cli/demo/jobs`).map((file) => `shared/cli/demo/jobs/${file}`)
    const files = demo.map((file) => parsedOf(readFileSync(root + file, 'utf8')))
    const event = parsedOf(readFileSync(`${root}events/start.whole-job.json`, 'utf8')) as { job: unknown }
    for (const job of [...jobs, ...files, event.job]) expect(faultsOf(job)).toEqual([])
  })

  test.each([
    [
      'a name that is not known',
      { reader: { object: 'a', objct: 'b' } },
      /reader\/parameter must NOT have additional properties/,
    ],
    ['a value of another kind', { reader: { object: 'a', skipHeader: [] } }, /skipHeader must be/],
    ['a choice that is none', { writer: { conflictMode: 'mirror' } }, /conflictMode must be equal to one of/],
    [
      'a column of another type',
      { reader: { object: 'a', column: [{ index: 0, type: 'lng' }] } },
      /column\/0\/type must be/,
    ],
    ['a condition that is none', { writer: { overwrite: { whre: 'a' } } }, /overwrite must match/],
    ['a setting', { setting: { sped: {} } }, /setting must NOT have additional/],
  ])('tells %s', (_, { reader, writer, setting }: Record<string, object | undefined>, message) => {
    const content = [
      {
        reader: { name: 'ossreader', parameter: reader ?? {} },
        writer: { name: 'adbpgwriter', parameter: writer ?? {} },
      },
    ]
    expect(faultsOf({ job: { content, setting: setting ?? {} } }).join('\n')).toMatch(message)
  })

  test.each([true, 'table', { partition: 'p1' }, { where: 'a = 1' }, ''])('takes overwrite %j', (overwrite) => {
    const ends = {
      reader: { name: 'ossreader', parameter: {} },
      writer: { name: 'adbpgwriter', parameter: { overwrite } },
    }
    expect(faultsOf({ job: { content: [ends], setting: {} } })).toEqual([])
  })

  test('tells a misspelt trigger of a document', () => {
    expect(faultsOf({ name: 'a', script: { job: { content: [] } }, trigers: [] }).join('\n')).toMatch(
      /additional properties/,
    )
  })

  test('may be named in the job itself', () => {
    const { parsed, faults } = readJobDocument('{"$schema": "x", "script": {"$schema": "y", "job": {}}}', 'a')
    expect(faults).toEqual([])
    expect(parsed?.document).not.toHaveProperty('$schema')
  })
})

test('every option of every connector says what it does', async () => {
  for (const { kind, role, options } of await everyEnd())
    for (const [name, { description = '', examples = [] }] of Object.entries(options))
      expect(description.length + examples.length, `${kind} ${role} ${name}`).toBeGreaterThan(3)
  const described = (await everyEnd()).flatMap(({ connection }) => Object.entries(connection))
  for (const [name, schema] of described) expect(Object.keys(schema).length, name).toBeGreaterThan(0)
  expect(new Set(described.map(([name]) => name))).toEqual(new Set(Object.values(connectionNames).flat()))
})

/** As an editor reads it: comments and commas are no fault of the schema. */
function parsedOf(text: string): unknown {
  const { parsed } = readJobDocument(`{"script": ${text.replace(/^\uFEFF/, '')}}`, 'a')
  return parsed?.document.script
}
