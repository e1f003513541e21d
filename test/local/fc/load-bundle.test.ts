import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadBundle } from '../../../shared/local/fc/load-bundle.mjs'
import { tempDir } from '../../support/temp-dir.ts'

const bundleOf = (answer: string) => `
  const { basename } = require('node:path')
  exports.handler = () => ${JSON.stringify(answer)} + ' ' + basename(__filename)
  exports.fail = () => { throw new Error('told') }
`

async function prepared() {
  const dir = await tempDir('bundle')
  const file = join(dir, 'index.js')
  const compiledDir = join(dir, 'compiled')
  writeFileSync(file, bundleOf('first'))
  return { file, compiledDir }
}

it('runs a bundle as require does, compiled before or not, and tells places as they are in the file', async () => {
  const { file, compiledDir } = await prepared()
  for (const expected of [[], ['kept']]) {
    const kept = () => readdirSync(compiledDir).map(() => 'kept')
    if (expected.length > 0) expect(kept()).toEqual(expected)
    const { exports, keep } = loadBundle(file, compiledDir)
    expect(exports.handler?.()).toBe('first index.js')
    expect(() => exports.fail?.()).toThrow(expect.objectContaining({ stack: expect.stringContaining(`${file}:4:`) }))
    keep()
    keep()
    expect(kept()).toEqual(['kept'])
  }
})

it('never runs what was compiled of another build, though it has the same length', async () => {
  const { file, compiledDir } = await prepared()
  const { keep } = loadBundle(file, compiledDir)
  keep()
  writeFileSync(file, bundleOf('other'))
  utimesSync(file, new Date(), new Date(Date.now() + 2000))
  const built = loadBundle(file, compiledDir)
  expect(built.exports.handler?.()).toBe('other index.js')
  built.keep()
  expect(readdirSync(compiledDir)).toHaveLength(1)
})

it('compiles anew where what was kept is damaged', async () => {
  const { file, compiledDir } = await prepared()
  loadBundle(file, compiledDir).keep()
  const [name = ''] = readdirSync(compiledDir)
  writeFileSync(join(compiledDir, name), 'no code')
  const { exports, keep } = loadBundle(file, compiledDir)
  expect(exports.handler?.()).toBe('first index.js')
  keep()
  expect(readdirSync(compiledDir)).toEqual([name])
})
