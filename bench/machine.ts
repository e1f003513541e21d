import { open, rm, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, platform, totalmem } from 'node:os'
import { join } from 'node:path'

/** What a reader has to know of the machine, and nothing that names it. */
export async function machineFacts() {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
  }
}

const sharedMemory = '/dev/shm'
const warmedAtOnceBytes = 8 * 1024 * 1024

/**
 * So much memory is free and has been touched just now, so that every case begins alike. Where a hypervisor takes back what
 * lies free for seconds, whoever touches a page first waits for it: COPY took 2.8 CPU-s/GB for that where others had left
 * memory behind, and 0.5 where they had not (docs/decisions.md, 2026-11-30). Elsewhere it does nothing.
 */
export async function warmMemory(bytes: number): Promise<void> {
  if (platform() !== 'linux' || (await roomIn(sharedMemory)) < bytes) return
  const path = join(sharedMemory, `adbpg-sync-bench-${process.pid}`)
  const piece = Buffer.alloc(warmedAtOnceBytes, 1)
  const file = await open(path, 'w')
  try {
    for (let written = 0; written < bytes; written += piece.length) await file.write(piece)
  } finally {
    await file.close()
    await rm(path)
  }
}

async function roomIn(dir: string): Promise<number> {
  const found = await statfs(dir).catch(() => null)
  return found === null ? 0 : found.bavail * found.bsize
}
