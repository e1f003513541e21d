import type { PostgresConnection } from '../ports/index.ts'

export interface JdbcAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly ssl: PostgresConnection['ssl']
  /** pgjdbc takes these from the query; undefined where it does not say. */
  readonly user: string | undefined
  readonly password: string | undefined
  /** A setting of the address that decides which tables are meant, and that we do not send: it must not be left out unseen. */
  readonly unheard: 'currentSchema' | 'options' | null
}

/** The scheme names of pgjdbc, of DataX's postgresql plugins and of ADBPG; `postgresql://` without `jdbc:` is libpq's. */
const shape =
  /^(?:jdbc:)?(?:postgresql|postgres|pgsql|adbpgsql|greenplum):\/\/(\[[0-9a-fA-F:.]+\]|[^:/?#@,\s[\]]+)(?::(\d{1,5}))?\/([^?#/]+)(?:\?(.*))?$/

export const jdbcForm = 'jdbc:postgresql://host:5432/database'

/** null: not of the form `jdbcForm`, as with several hosts or a user before the host. */
export function parseJdbcUrl(url: string): JdbcAddress | null {
  const found = shape.exec(url.trim())
  const port = Number(found?.[2] ?? 5432)
  const database = decoded(found?.[3] ?? '')
  if (found === null || database === null || port < 1 || port > 65_535) return null
  const settings = new URLSearchParams(found[4] ?? '')
  return {
    host: (found[1] ?? '').replaceAll(/[[\]]/g, ''),
    port,
    database,
    ssl: sslOf(settings),
    user: settings.get('user') ?? undefined,
    password: settings.get('password') ?? undefined,
    unheard: (['currentSchema', 'options'] as const).find((name) => (settings.get(name) ?? '') !== '') ?? null,
  }
}

export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** `ssl=true` alone asks for encryption; who wants the certificate checked says so with `sslmode`. */
function sslOf(settings: URLSearchParams): PostgresConnection['ssl'] {
  const mode = settings.get('sslmode')
  if (mode === 'verify-full' || mode === 'verify-ca') return 'verify-full'
  if (mode === 'require') return 'require'
  return mode === null && settings.get('ssl') === 'true' ? 'require' : 'disable'
}
