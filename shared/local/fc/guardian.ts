import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process that outlives the server by a moment, to take its instances along. */
export interface Guardian {
  watch(pid: number): void
  forget(pid: number): void
  close(): Promise<void>
}

export function openGuardian(): Guardian {
  const script = fileURLToPath(new URL('guardian.sh', import.meta.url))
  // A group of its own: what a terminal sends to the server must not reach it.
  const child = spawn('/bin/sh', [script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  const ended = once(child, 'exit').catch(() => undefined)
  child.stdin.on('error', () => undefined)
  return {
    watch: (pid) => void child.stdin.write(`+ ${pid}\n`),
    forget: (pid) => void child.stdin.write(`- ${pid}\n`),
    async close() {
      child.stdin.end()
      await ended
    },
  }
}
