import * as z from 'zod'
import { listPrices, Prices } from '../cost/prices.ts'
import { issuesText, TransferError } from '../errors/index.ts'

const Bytes = z.coerce
  .number()
  .int()
  .min(64 * 1024)
const Seconds = z.coerce.number().positive()
const Unset = z.literal('').transform(() => undefined)
const optional = <T extends z.ZodType>(schema: T) => z.union([Unset, schema]).optional()

const PricesText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' })
      return z.NEVER
    }
  })
  .pipe(Prices)

/**
 * Every variable the functions and the CLI read, with its default. `s.yaml` sets them in the cloud; the local stack sets
 * them for its own servers. An empty string counts as unset, because `s.yaml` cannot leave a variable out.
 */
const Environment = z.object({
  /** Bucket of jobs, datasources, staged chunks, dirty records and incidents. */
  ADBPG_SYNC_BUCKET: z.string().min(3),
  /** `adbpg-sync` gives `adbpg-sync-start`, `adbpg-sync-load`, … */
  ADBPG_SYNC_FUNCTION_PREFIX: optional(z.string()).transform((value) => value ?? 'adbpg-sync'),
  /** Service of the 2016-08-15 API; the newer API has none. */
  ADBPG_SYNC_FC_SERVICE: optional(z.string()).transform((value) => value ?? 'adbpg-sync'),
  ADBPG_SYNC_FC_API: optional(z.enum(['2016-08-15', '2023-03-30'])).transform((value) => value ?? '2023-03-30'),
  ADBPG_SYNC_FC_ENDPOINT: optional(z.url()),
  ADBPG_SYNC_OSS_ENDPOINT: optional(z.url()),
  ADBPG_SYNC_REGION: optional(z.string()),
  ADBPG_SYNC_ACCOUNT_ID: optional(z.string()),
  /** 256 MiB: five seconds of COPY, so that a repeat is cheap, and the 60 ms between two chunks of a loader are 1 %. */
  ADBPG_SYNC_CHUNK_BYTES: optional(Bytes).transform((value) => value ?? 256 * 1024 * 1024),
  /** 64 MiB, which takes a tenth of a second to read: larger CSV is cut without being read first (connectors/objects/cut-guessed.ts). */
  ADBPG_SYNC_GUESS_FROM_BYTES: optional(Bytes).transform((value) => value ?? 64 * 1024 * 1024),
  /** 32 MiB: a staged chunk is held in memory once (staging/write-chunks.ts). */
  ADBPG_SYNC_STAGE_CHUNK_BYTES: optional(Bytes).transform((value) => value ?? 32 * 1024 * 1024),
  ADBPG_SYNC_LEASE_SECONDS: optional(Seconds).transform((value) => value ?? 120),
  ADBPG_SYNC_DEADLINE_RESERVE_SECONDS: optional(Seconds).transform((value) => value ?? 20),
  ADBPG_SYNC_SCHEDULE_LOOKBACK_SECONDS: optional(Seconds).transform((value) => value ?? 600),
  /** JSON object of datasources by name; they go before those of the bucket. Secrets in it are references. */
  ADBPG_SYNC_DATASOURCES: optional(z.string()).transform((value) => value ?? null),
  /** JSON of prices (shared/cost/prices.ts), all of its members; the price list of Function Compute when empty. */
  ADBPG_SYNC_PRICES: optional(PricesText).transform((value) => value ?? listPrices),
  /** vCPUs of this function, where they are not those of s.yaml. */
  ADBPG_SYNC_VCPU: optional(z.string().regex(/^\d+(\.\d+)?$/)),
  /** Secret of the HTTP API: callers send it as a bearer token. */
  ADBPG_SYNC_API_TOKEN: optional(z.string().min(16)),
  /** Folder with the secrets that `vault:NAME` refers to, a sealed file each; local stack only. */
  ADBPG_SYNC_VAULT_DIR: optional(z.string()),
  /** The key that seals them, 32 bytes in base64; it goes before the file. */
  ADBPG_SYNC_VAULT_KEY: optional(z.string()),
  ADBPG_SYNC_VAULT_KEY_FILE: optional(z.string()),
  /** Address of KMS for `kms:NAME`; that of the region inside of a VPC when empty. */
  ADBPG_SYNC_KMS_ENDPOINT: optional(z.url()),
  /** Names a file that holds a crash point; tests only (shared/run/crash-points.ts). */
  ADBPG_SYNC_CRASH_FILE: optional(z.string()),
})

export type Config = z.infer<typeof Environment>

/** The only reader of the environment. @throws platform/misconfigured naming each variable that is missing or wrong */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const parsed = Environment.safeParse(environment)
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  throw new TransferError('platform/misconfigured', issuesText(issues, environment), { variables: issues.length })
}
