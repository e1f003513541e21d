import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { eventually, startTestFc } from '../../support/fc.ts'
import { startFcProcess } from '../../support/fc-child.ts'
import { invokeLater } from '../../support/fc-client.ts'
import { isRunning } from '../../support/is-running.ts'
import { tempDir } from '../../support/temp-dir.ts'

const functions = {
  work: {
    code: `const fs = require('fs'), file = (name) => process.env.TEST_DIR + '/' + name
    exports.handler = async (event) => {
      fs.appendFileSync(file('pids'), process.pid + '\\n')
      fs.appendFileSync(file('begun'), event + '\\n')
      if (!fs.existsSync(file('again'))) await new Promise((resolve) => setTimeout(resolve, event % 2 ? 30 : 60000))
      fs.appendFileSync(file('ended'), event + '\\n')
    }`,
    props:
      '      asyncInvokeConfig:\n        asyncTask: true\n      concurrencyConfig:\n        reservedConcurrency: 3',
  },
  spin: {
    code: `exports.handler = async () => { require('fs').appendFileSync(process.env.TEST_DIR + '/pids', process.pid + '\\n'); require('fs').writeFileSync(process.env.TEST_DIR + '/spun', 'yes\\n'); for (;;); }`,
  },
}

it('a server killed with tasks that wait and run brings each to its end after a restart, and leaves no process', async () => {
  const dir = await tempDir('fc-killed')
  const linesOf = async (file: string) =>
    (await readFile(join(dir, file), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  const server = await startFcProcess(dir, functions)
  const accepted: string[] = []
  const senders = [...Array(4).keys()].map(async (sender) => {
    for (let n = 0; ; n += 1) {
      const name = String(sender * 1000 + n)
      const { status } = await invokeLater(server.endpoint, 'work', name, `t${name}`)
      if (status === 202) accepted.push(name)
    }
  })
  const settled = Promise.allSettled(senders)
  await invokeLater(server.endpoint, 'spin')
  await eventually(
    async () => accepted.length >= 40 && (await linesOf('pids')).length >= 3 && (await linesOf('spun')).length > 0,
  )
  await server.kill()
  await settled
  // Killed again while it takes up what the first one left.
  const begun = (await linesOf('begun')).length
  const second = await startFcProcess(dir, functions)
  await eventually(async () => (await linesOf('begun')).length > begun)
  await second.kill()
  const pids = (await linesOf('pids')).map(Number)
  await eventually(() => !pids.some(isRunning))
  await writeFile(join(dir, 'again'), '')
  const again = await startTestFc(dir, { work: functions.work, spin: { code: 'exports.handler = async () => 1' } })
  onTestFinished(() => again.close())
  await eventually(async () => {
    const ended = new Set(await linesOf('ended'))
    return accepted.every((name) => ended.has(name))
  }, 20_000)
  for (const name of accepted.slice(0, 5))
    expect((await invokeLater(again.endpoint, 'work', name, `t${name}`)).status).toBe(409)
})
