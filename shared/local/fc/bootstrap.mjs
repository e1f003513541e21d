// Runs inside an instance: the contract of the nodejs20 runtime (fc-oss.md §2) between a bundle and the server's pipe.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadBundle } from './load-bundle.mjs'

const codeDir = process.env.FC_FUNC_CODE_PATH
// Nothing outlives the server: when it dies, however it dies, the pipe closes.
process.on('disconnect', () => process.exit(0))
// What Node was asked to do at its end, such as writing a profile, is done by `exit` alone.
process.on('SIGTERM', () => process.exit(0))

/** Where compiled bundles are kept; unset: nowhere. */
const compiledDir = process.argv[2]
/** By file, as handlers of a function may share one. */
const bundles = new Map()

function required(file) {
  if (compiledDir === undefined) return createRequire(join(codeDir, 'package.json'))(file)
  if (!bundles.has(file)) bundles.set(file, loadBundle(file, compiledDir))
  return bundles.get(file).exports
}

async function load(handler) {
  const [file, name] = handler.split('.')
  const commonJs = join(codeDir, `${file}.js`)
  const module = existsSync(commonJs)
    ? required(commonJs)
    : await import(pathToFileURL(join(codeDir, `${file}.mjs`)).href)
  const found = module[name]
  if (typeof found !== 'function') throw new Error(`Module ${file} has no function ${name}`)
  return found
}

const logger = (requestId) => {
  const at =
    (level) =>
    (...words) =>
      console.log(new Date().toISOString(), requestId, `[${level}]`, ...words)
  return { debug: at('debug'), info: at('info'), log: at('info'), warn: at('warn'), error: at('error') }
}

function bytesOf(value) {
  if (Buffer.isBuffer(value)) return { body: value, isJson: false }
  if (typeof value === 'object' && value !== null) return { body: Buffer.from(JSON.stringify(value)), isJson: true }
  return { body: Buffer.from(value === undefined ? '' : String(value)), isJson: false }
}

// One stream for both, so that lines keep their order and the mark at the end of a request is behind all of them.
const write = process.stdout.write.bind(process.stdout)
process.stderr.write = write

async function answerOf({ phase, handler, event, context }) {
  try {
    const found = await load(handler)
    const full = { ...context, logger: logger(context.requestId) }
    const value = phase === 'Invoke' ? await found(Buffer.from(event), full) : await found(full)
    return { ok: true, ...bytesOf(value) }
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error))
    const stackTrace = String(failure.stack)
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
    const body = { errorMessage: failure.message, errorType: failure.constructor.name, stackTrace }
    return { ok: false, body: Buffer.from(JSON.stringify(body)), isJson: true }
  }
}

async function run(question) {
  const { id, phase } = question
  write(`FC ${phase} Start RequestId: ${id}\n`)
  const answer = await answerOf(question)
  write(`FC ${phase} End RequestId: ${id}\n`)
  process.send({ id, phase, ...answer })
  if (phase !== 'Invoke') return
  for (const { keep } of bundles.values()) keep()
}

process.on('message', (message) => void run(message))
process.send({ ready: true })
