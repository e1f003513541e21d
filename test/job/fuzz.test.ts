import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { convertScript, type ScriptForm } from '../../shared/job/convert-script.ts'
import { isError } from '../../shared/job/fault.ts'
import { readJobDocument } from '../../shared/job/index.ts'
import { catalogue, checkText, findDatasource } from './script-environment.ts'

const folder = fileURLToPath(new URL('../golden/jobs/', import.meta.url))
const texts = readdirSync(folder)
  .filter((file) => !file.endsWith('.expected.json'))
  .map((file) => readFileSync(folder + file, 'utf8'))

const maxMs = 1000

/** Whatever the text: an answer within a second, which is either a specification or at least one error. */
async function expectAnswer(text: string): Promise<void> {
  const before = process.cpuUsage()
  const { spec, faults } = await checkText(text)
  const { user, system } = process.cpuUsage(before)
  // Time on the processor: what else runs on the machine does not count.
  expect((user + system) / 1000).toBeLessThan(maxMs)
  expect(spec === null).toBe(faults.some(isError))
}

test('no script crashes a conversion: it is another script, or a fault', async () => {
  const forms = fc.constantFrom<ScriptForm | null>('datax', 'dataworks', 'job', null)
  const setting = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.dictionary(fc.constantFrom('speed', 'Speed', 'errorLimit', 'common'), fc.jsonValue({ maxDepth: 2 })),
  )
  const end = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.record({ name: fc.constantFrom('ossreader', 'X', '', 1), parameter: fc.jsonValue({ maxDepth: 2 }) }),
  )
  const datax = fc.record({
    core: fc.jsonValue({ maxDepth: 4 }),
    job: fc.record({ content: fc.record({ reader: end, writer: end }), setting }),
  })
  const step = fc.record({
    category: fc.constantFrom('reader', 'writer', 'processor'),
    stepType: fc.jsonValue({ maxDepth: 0 }),
    parameter: fc.jsonValue({ maxDepth: 2 }),
  })
  const dataworks = fc.record({
    type: fc.constant('job'),
    steps: fc.array(step, { maxLength: 3 }),
    setting,
    order: fc.jsonValue({ maxDepth: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.oneof(datax, dataworks), forms, async (script, form) => {
      const { parsed } = readJobDocument(JSON.stringify(script), 'fuzz')
      if (parsed === null) return
      const outcome = await convertScript(parsed, form, { catalogue, findDatasource }).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(TransferError)
      else expect(outcome).toHaveProperty('script')
    }),
    { numRuns: 600 },
  )
})

describe('no text crashes the parser or holds it up', () => {
  test('any text and any JSON', async () => {
    const json = fc.json({ maxDepth: 6 })
    await fc.assert(fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), json), expectAnswer), { numRuns: 300 })
  })

  test('scripts with characters lost, doubled and changed', async () => {
    const place = fc.nat()
    const piece = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '//',
        '/*',
        '${',
        '$',
        '"__proto__":',
        '\\u0000',
        'null',
        '1e999',
      ),
    )
    const edits = fc.array(fc.tuple(place, fc.nat({ max: 20 }), piece), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), edits, async (text, list) => {
        const edited = list.reduce((before, [at, removed, added]) => {
          const start = at % (before.length + 1)
          return before.slice(0, start) + added + before.slice(start + removed)
        }, text)
        await expectAnswer(edited)
      }),
      { numRuns: 600 },
    )
  })

  test('scripts in which any value is of another kind', async () => {
    const odd = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(
        { toJSON: 1 },
        { constructor: { prototype: 1 } },
        { length: -1 },
        [[[]]],
        { toString: 1, valueOf: 1 },
        -0,
        1e308,
      ),
    )
    const scripts = texts.flatMap((text) => {
      try {
        return [JSON.parse(text) as unknown]
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError)
        return []
      }
    })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...scripts), fc.nat(), odd, async (script, which, value) => {
        await expectAnswer(JSON.stringify(withOneChanged(script, which, value)))
      }),
      { numRuns: 800 },
    )
  })

  const script = (parameter: string) =>
    `{"job":{"content":[{"reader":{"name":"ossreader","parameter":${parameter}},"writer":{"name":"adbpgwriter","parameter":{}}}]}}`
  const mappable =
    '{"job":{"content":[{"reader":{"name":"ossreader","parameter":{}},"writer":{"name":"adbpgwriter","parameter":{"table":"t","column":["*"]}}}]}}'
  const many = (item: string | ((index: number) => string)) => {
    const itemAt = typeof item === 'string' ? () => item : item
    return Array.from({ length: Math.floor(500_000 / itemAt(100_000).length) }, (_, index) => itemAt(index)).join('')
  }
  test.each([
    ['brackets', many('[')],
    ['objects in objects', many('{"a":')],
    ['brackets within a text', script(`{"object": "${many('{[')}"}`)],
    ['commas forgotten', `[${many('1 ')}]`],
    ['nonsense', many('x ')],
    ['quotes', many('"')],
    ['comment starts', many('/*')],
    ['line ends and a fault', `${many('\n')}{"script": 1, "x": 2}`],
    ['names of one object', script(`{${many((index) => `"k${index}":1,`)}}`)],
    ['the same name', script(`{${many('"a":1,')}}`)],
    ['steps', `{"steps":[${many('{},')}]}`],
    ['contents', `{"job":{"content":[${many('{},')}]}}`],
    [
      'transformers',
      `{"job":{"content":[{"reader":{"name":"x"},"writer":{"name":"x"},"transformer":[${many('1,')}]}]}}`,
    ],
    ['connections', script(`{"connection":[${many('{},')}]}`)],
    ['wrong columns', script(`{"column":[${many('{"index":"x"},')}]}`)],
    ['unknown names in columns', script(`{"column":[${many('{"index":1,"x":1},')}]}`)],
    ['objects to read', script(`{"object":[${many('"a",')}]}`)],
    ['parameters', script(`{"object":"${many(`\${x}`)}"}`)],
    ['unclosed parameters', script(`{"object":"${many(`\${x`)}"}`)],
    ['one long parameter', script(`{"object":"\${${many('a')}"}`)],
    ['dates', script(`{"object":"\${yyyy${many('1')}}"}`)],
    ['dollars', script(`{"object":"${many('$')}"}`)],
    ['an endless address', script(`{"endpoint":"${many('a.')}"}`)],
    ['triggers', `{"name":"a","script":{},"triggers":[${many('{"type":"schedule","cron":"* * * * * *"},')}]}`],
    ['a long cron', `{"name":"a","script":{},"triggers":[{"type":"schedule","cron":"${many('* ')}"}]}`],
    ['own parameters', `{"name":"a","script":{},"parameters":{${many((index) => `"k${index}":"$x",`)}}}`],
    ['wrapper names', `{"script":{},${many((index) => `"k${index}":1,`)}}`],
    ['a number of many digits', script(`{"object":${many('9')}}`)],
    ['too much', ' '.repeat(5_000_000)],
    ['hops', `{"steps":[],"order":{"hops":[${many('{"from":"a","to":"b"},')}]}}`],
    ['steps without a category', `{"steps":[{"name":"a"}],"order":{"hops":[${many('{"from":"b","to":"a"},')}]}}`],
    ['settings', `{"steps":[],"setting":{${many((index) => `"k${index}":1,`)}}}`],
    ['a mapping', `{"mapping":{${many((index) => `"k${index}":"x",`)}},"script":${mappable}}`],
    ['a mapping of columns', `{"mapping":{"a":"b"},"script":${mappable.replace('"*"', many('"xyz",'))}}`],
    ['names of a CSV reader', script(`{"csvReaderConfig":{${many((index) => `"k${index}":1,`)}}}`)],
    ['tables', script(`{"table":"${many('t_[0-9],')}"}`)],
    ['quotes of a table', `{"script":${mappable.replace('"t"', `"${many('\\"')}"`)}}`],
    ['an old form', `{"type":"job","configuration":{${many((index) => `"k${index}":1,`)}}}`],
  ])('half a megabyte of %s', async (_, text) => {
    await expectAnswer(text)
  })
})

/** The n-th value of a tree, counted around, is replaced. */
function withOneChanged(tree: unknown, which: number, value: unknown): unknown {
  let left = which % countOf(tree)
  const walk = (item: unknown): unknown => {
    if (left-- === 0) return value
    if (Array.isArray(item)) return item.map(walk)
    if (typeof item !== 'object' || item === null) return item
    return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, walk(inner)]))
  }
  return walk(tree)
}

function countOf(tree: unknown): number {
  if (typeof tree !== 'object' || tree === null) return 1
  return Object.values(tree).reduce<number>((sum, item) => sum + countOf(item), 1)
}
