import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
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

it('keeps what the next instance takes, though the function changed flags of V8', async () => {
  const { file, compiledDir } = await prepared()
  const { keep } = loadBundle(file, compiledDir)
  setFlagsFromString('--heap-growing-percent=299')
  try {
    keep()
  } finally {
    setFlagsFromString('--heap-growing-percent=0')
  }
  const kept = () => readdirSync(compiledDir).map((name) => statSync(join(compiledDir, name)).ino)
  const before = kept()
  loadBundle(file, compiledDir).keep()
  expect(kept()).toEqual(before)
})

it.runIf(process.getuid?.() !== 0)('runs where nothing can be read or kept', async () => {
  const { file, compiledDir } = await prepared()
  mkdirSync(compiledDir, { mode: 0o000 })
  const { exports, keep } = loadBundle(file, compiledDir)
  keep()
  expect(exports.handler?.()).toBe('first index.js')
})

it('runs where a file stands in the place of the folder', async () => {
  const { file, compiledDir } = await prepared()
  writeFileSync(compiledDir, '')
  const { exports, keep } = loadBundle(file, compiledDir)
  keep()
  expect(exports.handler?.()).toBe('first index.js')
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
