import { TransferError } from '../errors/index.ts'
import { StackFile, stackFilePath } from './stack.ts'
import { readStateFile } from './state-folder.ts'

/** A laptop that swaps may keep a stack from answering for seconds; a second one beside it would be refused by its data. */
const patienceMs = 30_000

/**
 * Finds the stack of a folder. A file that a killed stack left behind is told by its port, where nobody listens or somebody
 * else does: its process id may have passed to another process, or to a zombie that nobody has reaped.
 * @returns null when no stack runs here
 * @throws platform/stack-busy when one is there and does not answer, platform/misconfigured when its file is damaged
 */
export async function readRunningStack(stateDir: string, waitMs = patienceMs): Promise<StackFile | null> {
  const file = await readStateFile(
    stackFilePath(stateDir),
    StackFile,
    'end the stack that runs in this folder, if one does, and remove it',
  )
  if (file === null) return null
  const { endpoint } = file.address.fc
  const answer = await ask(endpoint, waitMs)
  if (answer !== 'silence') return answer === 'ours' ? file : null
  const message = `the local stack (process ${file.pid}) does not answer at ${endpoint}; wait, or end that process`
  throw new TransferError('platform/stack-busy', message, { pid: file.pid, stateDir })
}

/** Any answer of Function Compute will do; one without a signature is refused, but given. */
async function ask(endpoint: string, waitMs: number): Promise<'ours' | 'nobody' | 'silence'> {
  try {
    const response = await fetch(endpoint, { signal: AbortSignal.timeout(waitMs) })
    return response.headers.has('x-fc-request-id') ? 'ours' : 'nobody'
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'silence' : 'nobody'
  }
}
