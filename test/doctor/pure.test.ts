import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { version } from '../../shared/config/index.ts'
import { compareColumns } from '../../shared/doctor/columns.ts'
import { judge, type Pong } from '../../shared/doctor/functions.ts'
import { checkTriggers, type Watched } from '../../shared/doctor/triggers.ts'
import type { JobDocument } from '../../shared/job/index.ts'

const columns = (...names: string[]) => names.map((name) => ({ name, type: 'text', nullable: true }))

describe('columns', () => {
  it.each([
    ['the same', columns('a', 'b'), columns('A', 'b'), 'ok', /2 of the reader/],
    ['other names, which is what mapping by order is for', columns('a', 'b'), columns('x', 'y'), 'ok', /2 of/],
    ['swapped', columns('a', 'b', 'c'), columns('b', 'a', 'c'), 'warning', /a → b, b → a/],
    ['too few', columns('a'), columns('a', 'b'), 'failed', /gives 1 columns.*takes 2; only the writer has b/],
    ['too many', columns('a', 'b', 'c'), columns('c'), 'failed', /only the reader has a, b/],
    ['unknown', null, columns('a'), 'skipped', /./],
    ['none at all', columns(), columns(), 'ok', /0 of/],
  ])('%s', (_, reader, writer, state, detail) => {
    expect(compareColumns(reader, writer)).toMatchObject({ state, detail: expect.stringMatching(detail) })
  })
})

describe('triggers', () => {
  const now = new Date('2026-11-25T03:00:00Z')
  const watched: Watched[] = [{ bucket: 'home', prefix: 'in/', suffix: '.csv' }]
  const of = (...triggers: object[]) =>
    checkTriggers({ triggers } as Pick<JobDocument, 'triggers' | 'schedule'>, watched, { bucket: 'home', now })
  const object = (change: object) => ({ type: 'object', prefix: 'in/orders/', suffix: '.csv', ...change })

  it.each([
    ['within what is watched', object({}), 'ok', /in\/orders\/\*\.csv is watched by oss:\/\/home\/in\/\*\.csv/],
    ['in another bucket', object({ bucket: 'other' }), 'failed', /nothing watches oss:\/\/other/],
    ['under another prefix', object({ prefix: 'out/' }), 'failed', /s\.yaml watches oss:\/\/home\/in\//],
    ['wider than what is watched', object({ prefix: '' }), 'warning', /only oss:\/\/home\/in\//],
    ['with any suffix', object({ suffix: '' }), 'warning', /only/],
    ['with another suffix', object({ suffix: '.txt' }), 'failed', /nothing watches/],
  ])('%s', async (_, trigger, state, detail) => {
    expect(await of(trigger)).toMatchObject([{ state, detail: expect.stringMatching(detail) }])
  })

  it.each([
    ['0 5 0 * * *', 'Asia/Shanghai', '2026-11-25T16:05:00.000Z'],
    ['0 0 0 29 2 *', 'UTC', '2028-02-29T00:00:00.000Z'],
    ['0 * * * * *', 'UTC', '2026-11-25T03:01:00.000Z'],
  ])('schedule %s in %s is due next at %s', async (cron, timeZone, next) => {
    expect(await of({ type: 'schedule', cron, timeZone })).toMatchObject([
      { state: 'ok', detail: expect.stringContaining(next) },
    ])
  })

  it('of a schedule that is none, and of a job without any', async () => {
    expect(await of({ type: 'schedule', cron: 'x', timeZone: 'UTC' })).toMatchObject([{ state: 'failed' }])
    expect(await of()).toMatchObject([{ state: 'ok' }])
  })
})

describe('functions', () => {
  const pong: Pong = {
    function: 'adbpg-sync-stage',
    version: '1',
    node: 'v20.0.0',
    timeoutSeconds: 900,
    memoryMb: 512,
    reserveSeconds: 20,
    stageChunkBytes: 32 * 1024 * 1024,
  }
  it.each([
    ['as they should be', {}, 'ok', /512 MB, 900 s/],
    ['of another version', { version: '2' }, 'warning', /this command is 1/],
    ['short of memory', { stageChunkBytes: 256 * 1024 * 1024 }, 'warning', /want 918 MB/],
    ['short of time', { timeoutSeconds: 30 }, 'warning', /20 s of them/],
  ])('%s', (_, change, state, detail) => {
    expect(judge('stage', { ...pong, ...change }, '1')).toMatchObject({ state, detail: expect.stringMatching(detail) })
  })

  it('have the version of the package', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    expect(version).toBe((JSON.parse(text) as { version: string }).version)
  })
})
