import { once } from 'node:events'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { readRunningStack } from '../../local/find-stack.ts'
import type { StackAddress } from '../../local/stack.ts'
import { startLocalStack, stateDirOf } from '../local-stack.ts'
import type { Verbs } from '../main.ts'

export function addUp(program: Command, verbs: Verbs): void {
  program
    .command('up')
    .description('start PostgreSQL, OSS and Function Compute on this machine and keep them running')
    .addHelpText('after', '\nCtrl-C stops everything; data stays in .adbpg-sync/ and is found again by the next start.')
    .action(() => up(verbs))
}

async function up({ environment, output, log, signal }: Verbs): Promise<void> {
  const stateDir = stateDirOf(environment)
  const running = await readRunningStack(stateDir)
  if (running !== null) {
    throw new TransferError('platform/stack-busy', `a stack is up here already (process ${running.pid})`, {
      pid: running.pid,
    })
  }
  await using stack = await startLocalStack(stateDir, log, environment)
  output.answer(stack.file.address, () => addressText(stack.file.address))
  if (!signal.aborted) await once(signal, 'abort')
  output.note('stopping the stack …')
}

function addressText({ postgres, oss, fc, api }: StackAddress): string {
  return [
    `PostgreSQL        ${postgres.url}`,
    `OSS               ${oss.endpoint}  bucket ${oss.bucket}  key ${oss.accessKeyId}`,
    `Function Compute  ${fc.endpoint}  account ${fc.accountId}`,
    `HTTP API          ${api.url}`,
    'Secrets: `adbpg-sync up --json`, or .adbpg-sync/credentials.json. Ctrl-C stops everything.',
  ].join('\n')
}
