import { readFileSync, unlinkSync } from 'node:fs'
import type { CrashPoint } from '../run/crash-points.ts'

/**
 * Kills this process where the file says so, once: the file is removed first. With no file configured, which is always so
 * outside tests, a point costs one comparison.
 */
export function crashAt(file: string | undefined): (point: CrashPoint) => void {
  if (file === undefined) return () => undefined
  return (point) => {
    if (readOrEmpty(file).trim() !== point) return
    unlinkSync(file)
    process.kill(process.pid, 'SIGKILL')
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
