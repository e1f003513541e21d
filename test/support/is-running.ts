import { readFileSync } from 'node:fs'

/** false for a zombie too: its work is over, and where nobody reaps orphans it stays in the list for ever. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return process.platform !== 'linux'
  }
}
