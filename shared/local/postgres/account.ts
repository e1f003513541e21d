import { createHash } from 'node:crypto'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { TransferError } from '../../errors/index.ts'

/** Who runs postgres, and where its files may be. */
export interface Account {
  /** null: the user of this process. postgres refuses to run as root, which lends it an account without rights. */
  readonly lend: { readonly uid: number; readonly gid: number } | null
  /** Binaries, shared by all stacks of this user. */
  readonly cacheDir: string
  readonly dataDir: string
}

const nobody = { uid: 65534, gid: 65534 }

/**
 * For an ordinary user the data lies where it was asked for. For root it lies under /var/tmp, in a folder named after
 * that place: the lent account could not reach a folder under /root.
 */
export async function accountFor(askedDir: string, uid: number): Promise<Account> {
  const dataDir = resolve(askedDir)
  const cacheDir = join('/var/tmp', `adbpg-sync-${uid}`)
  await mkdir(cacheDir, { recursive: true, mode: 0o755 })
  await refuseForeign(cacheDir, uid)
  if (uid !== 0) return { lend: null, cacheDir, dataDir }
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return { lend: nobody, cacheDir, dataDir: join(cacheDir, `data-${name}`) }
}

/** /var/tmp is open to all: another user's folder of our name must not supply the binaries we run. */
async function refuseForeign(dir: string, uid: number): Promise<void> {
  const facts = await lstat(dir)
  if (facts.isDirectory() && facts.uid === uid) return
  throw new TransferError('platform/misconfigured', `${dir} exists and belongs to somebody else; remove it`, { dir })
}

/** Forgets the data of a stack that was asked to lie at `dataDir`, wherever it does. It must not run. */
export async function removePostgresData(dataDir: string): Promise<void> {
  const account = await accountFor(dataDir, process.getuid?.() ?? 1000)
  await rm(account.dataDir, { recursive: true, force: true })
}
