import { readFileSync } from 'node:fs'
import type { RuntimeProcess } from './runtime-process.ts'

const memoryCheckMs = 100

export interface Limits {
  /** Kills the process when the work takes longer. */
  within<T>(seconds: number, work: Promise<T>): Promise<T>
  peakMb(): number
  /** What the process was killed for; null when it was not. */
  killedFor(): 'timeout' | 'memory' | null
  stop(): void
}

/** Kills a process over its memory or its time, as the platform does. */
export function watchLimits(runtime: RuntimeProcess, memorySize: number): Limits {
  let peakMb = 0
  let reason: 'timeout' | 'memory' | null = null
  const killFor = (why: 'timeout' | 'memory') => {
    reason ??= why
    runtime.kill()
  }
  const measure = () => {
    peakMb = Math.max(peakMb, residentMb(runtime.pid))
  }
  const meter = setInterval(() => {
    measure()
    if (peakMb > memorySize) killFor('memory')
  }, memoryCheckMs)
  return {
    async within(seconds, work) {
      const clock = setTimeout(() => killFor('timeout'), seconds * 1000)
      return await work.finally(() => clearTimeout(clock))
    },
    peakMb() {
      measure()
      return peakMb
    },
    killedFor: () => reason,
    stop: () => clearInterval(meter),
  }
}

/** 0 where there is no /proc: memory is then limited by V8's heap size alone. */
function residentMb(pid: number | undefined): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Math.round(Number(found?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}
