import { once } from 'node:events'
import { join } from 'node:path'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { readRunningStack } from '../../local/find-stack.ts'
import type { StackAddress } from '../../local/stack.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { startLocalStack, stateDirOf } from '../local-stack.ts'
import type { Verbs } from '../main.ts'

export function addUp(program: Command, verbs: Verbs): void {
  const verb = program
    .command('up')
    .description('start PostgreSQL, OSS and Function Compute on this machine and keep them running')
    .action(() => up(verbs))
  addHelp(verb, {
    notes: [
      'Ctrl-C stops everything. Data stays in .adbpg-sync/ of this folder, or in the folder that ADBPG_SYNC_HOME names, and is found again by the next start.',
    ],
  })
}

async function up({ environment, output, log, signal }: Verbs): Promise<void> {
  const stateDir = stateDirOf(environment)
  const running = await readRunningStack(stateDir)
  if (running !== null) {
    throw new TransferError('platform/stack-busy', `a stack is up in ${stateDir} already (process ${running.pid})`, {
      pid: running.pid,
    })
  }
  await using stack = await startLocalStack(stateDir, log, environment)
  output.answer(stack.file.address, () => wrapped(addressText(stack.file.address, stateDir), output.width(), 18))
  if (!signal.aborted) await once(signal, 'abort')
  output.note('stopping the stack …')
}

function addressText({ postgres, oss, fc, api }: StackAddress, stateDir: string): string {
  return [
    `PostgreSQL        ${postgres.url}`,
    `OSS               ${oss.endpoint}, bucket ${oss.bucket}, key ${oss.accessKeyId}`,
    `Function Compute  ${fc.endpoint}, account ${fc.accountId}`,
    `HTTP API          ${api.url}`,
    `Secrets           ${join(stateDir, 'credentials.json')}`,
    'Ctrl-C stops everything.',
  ].join('\n')
}
