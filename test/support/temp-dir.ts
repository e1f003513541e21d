import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const dirs: string[] = []

// Registered by the import: vitest does not run an `afterAll` that is registered inside a `beforeAll`.
afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))))

/** A folder that goes with the test file. */
export async function tempDir(name: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `adbpg-sync-${name}-`))
  dirs.push(dir)
  return dir
}
