// Compiling a bundle of 4 MB is a third of what a cold start costs; what V8 made of it once is kept for the next.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'

const wrapper = ['(function (exports, require, module, __filename, __dirname) { ', '\n})']

/**
 * As `require` of a CommonJS file would.
 * @param compiledDir where compiled bundles are kept, of this user alone: who writes there decides what is run
 * @returns what it exports, and how to keep what was compiled, functions that have run until then included; once is enough
 */
export function loadBundle(file, compiledDir) {
  const source = wrapper[0] + readFileSync(file, 'utf8') + wrapper[1]
  const kept = placeOf(file)
  const cachedData = readIfThere(join(compiledDir, kept.name))
  const script = new Script(source, {
    filename: file,
    columnOffset: -wrapper[0].length,
    ...(cachedData === null ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const module = { exports: {} }
  script.runInThisContext().call(module.exports, module.exports, createRequire(file), module, file, dirname(file))
  let isKept = cachedData !== null && script.cachedDataRejected !== true
  const keep = () => {
    if (!isKept) write(compiledDir, kept, script.createCachedData())
    isKept = true
  }
  return { exports: module.exports, keep }
}

/** V8 looks at the length of a source alone; a file that was built anew has another time. */
function placeOf(file) {
  const { mtimeMs, size } = statSync(file)
  const of = `${basename(dirname(file))}-${basename(file)}-`
  return { of, name: `${of}${process.version}-${size}-${Math.round(mtimeMs)}` }
}

function readIfThere(file) {
  try {
    return readFileSync(file)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return null
  }
}

/** Whole or not at all: another instance may read it at this moment. Where it cannot be written, each start compiles. */
function write(dir, { of, name }, bytes) {
  try {
    mkdirSync(dir, { recursive: true })
    const unfinished = join(dir, `${process.pid}.unfinished`)
    writeFileSync(unfinished, bytes)
    renameSync(unfinished, join(dir, name))
    for (const other of readdirSync(dir))
      if (other.startsWith(of) && other !== name) rmSync(join(dir, other), { force: true })
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(error.code)) throw error
  }
}
