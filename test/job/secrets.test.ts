import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { shownValue } from '../../shared/job/fault.ts'
import { checkJob, parseDatasourceFile, parseJobDocument, readDatasource, resolveJob } from '../../shared/job/index.ts'
import type { SecretRef } from '../../shared/ports/index.ts'
import { runDatesOf } from '../../shared/schedule/index.ts'
import { catalogue, checkText } from './script-environment.ts'

const folder = fileURLToPath(new URL('../golden/jobs/', import.meta.url))
/** A third of the corpus, and the documents around scripts: shapes repeat. */
const scripts = readdirSync(folder)
  .filter((file) => file.endsWith('.json') && !file.endsWith('.expected.json'))
  .filter((file, index) => index % 3 === 0 || file.startsWith('wrapped'))
  .map((file) => readFileSync(folder + file, 'utf8'))

const secret = 'hunter2-hunter2'

/** The tree with one more member in each of its objects, an object at a time. */
function* withMemberEverywhere(tree: unknown, member: Readonly<Record<string, unknown>>): Iterable<unknown> {
  if (typeof tree !== 'object' || tree === null) return
  if (Array.isArray(tree)) {
    for (const [index, item] of tree.entries())
      for (const changed of withMemberEverywhere(item, member)) yield tree.with(index, changed)
    return
  }
  yield { ...tree, ...member }
  // What a mapping holds are names of columns, and a column may be called password.
  for (const [name, item] of Object.entries(tree).filter(([one]) => one !== 'mapping'))
    for (const changed of withMemberEverywhere(item, member)) yield { ...tree, [name]: changed }
}

const inline = {
  job: {
    content: [
      {
        reader: {
          name: 'ossreader',
          parameter: {
            endpoint: 'http://127.0.0.1:1',
            bucket: 'bkt',
            accessId: 'id',
            accessKey: secret,
            object: 'a',
            column: ['*'],
          },
        },
        writer: {
          name: 'adbpgwriter',
          parameter: { host: 'h', database: 'd', username: 'u', password: secret, table: 't', column: ['*'] },
        },
      },
    ],
    setting: { speed: { channel: 1 } },
  },
}

const dates = runDatesOf(new Date(0), 'UTC')
const resolution = {
  catalogue,
  parameters: {},
  dates,
  findDatasource: async () => null,
  datasourceNames: async () => [],
  hoistSecret: null,
}

describe('a secret in plain text', () => {
  test.each(['password', 'accessKey', 'accessKeySecret', 'securityToken', 'Passwd'])(
    'is never printed and never in a specification, wherever a member %s stands',
    async (name) => {
      let tried = 0
      for (const script of scripts) {
        for (const changed of withMemberEverywhere(JSON.parse(script), { [name]: secret })) {
          expect((await checkText(JSON.stringify(changed))).printed).not.toContain(secret)
          tried += 1
        }
      }
      expect(tried).toBeGreaterThan(300)
    },
  )

  test('is refused with its own code and path when it is all that is wrong', async () => {
    await expect(resolveJob(parseJobDocument(JSON.stringify(inline), 'j'), resolution)).rejects.toMatchObject({
      code: 'job/literal-secret',
      message: expect.stringMatching(/reader\.parameter\.accessKey \(line 1.*\n.*writer\.parameter\.password/),
    })
  })

  test('goes where the caller keeps secrets, and a reference takes its place', async () => {
    const kept = new Map<string, string>()
    const hoistSecret = (name: string, value: string): SecretRef => {
      kept.set(name, value)
      return `vault:${name}`
    }
    const { spec } = await resolveJob(parseJobDocument(JSON.stringify(inline), 'j'), { ...resolution, hoistSecret })
    expect([...kept.values()]).toEqual([secret, secret])
    expect(new Set(kept.keys()).size).toBe(2)
    expect(JSON.stringify(spec)).not.toContain(secret)
    expect(spec.writer.options).toMatchObject({
      connection: { password: expect.stringMatching(/^vault:\w+password$/) },
    })
  })

  test('is refused too when a parameter brings it', async () => {
    const text = JSON.stringify(inline).replaceAll(secret, '$' + '{pw}')
    const parsed = parseJobDocument(text, 'j')
    const checked = await checkJob(parsed, { ...resolution, dates, parameters: { pw: secret } })
    expect(checked.faults.map(({ code }) => code)).toEqual(['job/literal-secret', 'job/literal-secret'])
    const asReference = await checkJob(parsed, { ...resolution, dates, parameters: { pw: 'env:PW' } })
    expect(asReference.spec?.writer.options).toMatchObject({ connection: { password: 'env:PW' } })
  })

  test('is refused in a datasource', () => {
    const definition = { type: 'adbpg', host: 'h', database: 'd', username: 'u', password: secret }
    expect(readDatasource(definition, []).datasource).toBeNull()
    const file = JSON.stringify({
      a: definition,
      b: { type: 'postgresql', url: `jdbc:postgresql://h/d?password=${secret}`, username: 'u' },
    })
    expect(() => parseDatasourceFile(file, 'named.json')).toThrow(
      /a\.password.*env:NAME.*got \*\*\*\n.*b\.url.*holds a password/,
    )
    expect(() => parseDatasourceFile(file, 'named.json')).not.toThrow(secret)
  })

  test.each([
    [['password'], secret],
    [['accessKey', 0], [secret]],
    [['x'], { password: secret }],
    [['jdbcUrl'], `jdbc:postgresql://h/d?user=x&password=${secret}`],
    [['url'], `postgresql://user:${secret}@host/d`],
  ] as const)('is not shown at %j', (path, value) => {
    expect(shownValue(path, value)).not.toContain(secret)
  })
})
