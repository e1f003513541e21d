import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import type { CrashPoint } from '../run/crash-points.ts'

/**
 * Kills this process where the file says so, once: the file is removed first. A file that says `freeze <point>` stays, and
 * each process that comes there leaves a mark beside it and stands still, so that everything else can be killed at that
 * moment too. With no file configured, which is always so outside tests, a point costs one comparison.
 */
export function crashAt(file: string | undefined): (point: CrashPoint) => void {
  if (file === undefined) return () => undefined
  return (point) => {
    const wanted = readOrEmpty(file).trim()
    if (wanted === point) {
      unlinkSync(file)
      process.kill(process.pid, 'SIGKILL')
    } else if (wanted === `freeze ${point}`) {
      writeFileSync(`${file}.frozen-${process.pid}`, '')
      process.kill(process.pid, 'SIGSTOP')
    }
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
