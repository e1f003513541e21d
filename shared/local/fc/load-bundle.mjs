// Compiling a bundle of 4 MB is a third of what a cold start costs; what V8 made of it once is kept for the next.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { cachedDataVersionTag } from 'node:v8'
import { constants, Script } from 'node:vm'

const wrapper = ['(function (exports, require, module, __filename, __dirname) { ', '\n})']

/**
 * As `require` of a CommonJS file would.
 * @param compiledDir where compiled bundles are kept, of this user alone: who writes there decides what is run
 * @returns what it exports, and how to keep what was compiled, functions that have run until then included; once is enough
 */
export function loadBundle(file, compiledDir) {
  // Before it is read: of a file that is replaced in between, nothing is kept under the name of the other.
  const kept = placeOf(file)
  const source = wrapper[0] + readFileSync(file, 'utf8') + wrapper[1]
  const cachedData = readIfPossible(join(compiledDir, kept.name))
  const script = new Script(source, {
    filename: file,
    columnOffset: -wrapper[0].length,
    ...(cachedData === null ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const module = { exports: {} }
  script.runInThisContext().call(module.exports, module.exports, createRequire(file), module, file, dirname(file))
  return { exports: module.exports, keep: keeperOf(script, cachedData, (bytes) => write(compiledDir, kept, bytes)) }
}

function keeperOf(script, cachedData, keepBytes) {
  let isKept = cachedData !== null && script.cachedDataRejected !== true
  // A function may change flags of V8 while it works, and what is compiled under others is refused by the next instance.
  const tag = cachedDataVersionTag()
  const early = isKept ? null : script.createCachedData()
  return () => {
    if (isKept) return
    isKept = true
    keepBytes(cachedDataVersionTag() === tag ? script.createCachedData() : early)
  }
}

/** V8 looks at the length of a source alone; a file that was built anew has another time. */
function placeOf(file) {
  const { mtimeMs, size } = statSync(file)
  const of = `${basename(dirname(file))}-${basename(file)}-`
  return { of, name: `${of}${process.version}-${size}-${Math.round(mtimeMs)}` }
}

/** What cannot be read is compiled anew: that is all it costs. */
function readIfPossible(file) {
  try {
    return readFileSync(file)
  } catch {
    return null
  }
}

/** Whole or not at all: another instance may read it at this moment. Where it cannot be written, each start compiles. */
function write(dir, { of, name }, bytes) {
  try {
    const unfinished = join(dir, `${of}${randomBytes(6).toString('hex')}.unfinished`)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    writeFileSync(unfinished, bytes)
    renameSync(unfinished, join(dir, name))
    const others = readdirSync(dir).filter((other) => other.startsWith(of) && other !== name)
    for (const other of others) rmSync(join(dir, other), { force: true })
  } catch {
    // What is unfinished goes with the next build.
  }
}
