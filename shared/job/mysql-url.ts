import type { MysqlConnection } from '../ports/index.ts'
import { fixedOffset } from './fixed-offset.ts'
import { decoded, type JdbcAddress } from './jdbc-url.ts'
import { zoneFault } from './time-zone.ts'

const shape =
  /^(?:jdbc:)?(?:mysql|mariadb|polardbx?):\/\/(\[[0-9a-fA-F:.]+\]|[^:/?#@,\s[\]()]+)(?::(\d{1,5}))?\/([^?#/]+)(?:\?(.*))?$/

export const mysqlJdbcForm = 'jdbc:mysql://host:3306/database'

export const defaultZone = '+00:00'

export interface MysqlAddress extends JdbcAddress, Pick<MysqlConnection, 'timeZone' | 'zeroDates'> {}

export const isMysqlAddress = (address: JdbcAddress): address is MysqlAddress => 'zeroDates' in address

/** null: not of the form `mysqlJdbcForm`. A text: what a property of it must be. */
export function parseMysqlUrl(url: string): MysqlAddress | string | null {
  const found = shape.exec(url.trim())
  const port = Number(found?.[2] ?? 3306)
  const database = decoded(found?.[3] ?? '')
  if (found === null || database === null || port < 1 || port > 65_535) return null
  const settings = new URLSearchParams(found[4] ?? '')
  const zone = settings.get('serverTimezone') ?? settings.get('connectionTimeZone')
  const timeZone = zone === null ? defaultZone : fixedOffset(zone)
  if (timeZone === null) return zoneAdvice(String(zone))
  const zeroDates = zeroDatesOf(settings.get('zeroDateTimeBehavior') ?? 'convertToNull')
  if (zeroDates === null) return 'zeroDateTimeBehavior must be convertToNull, exception or round'
  return {
    host: (found[1] ?? '').replaceAll(/[[\]]/g, ''),
    ...{ port, database, timeZone, zeroDates, ssl: sslOf(settings) },
    // A schema is a database here, and the address names it.
    unheard: null,
    user: settings.get('user') ?? undefined,
    password: settings.get('password') ?? undefined,
  }
}

/** Of a zone that cannot be had as an offset. */
export const zoneAdvice = (zone: string): string =>
  zoneFault(zone) ??
  `the time zone ${zone} has no fixed offset, so that an hour of its wall-clock time comes twice a year; give an offset such as +08:00, or none for UTC`

/** Connector/J 8 writes CONVERT_TO_NULL where 5 wrote convertToNull. */
export function zeroDatesOf(text: string): MysqlConnection['zeroDates'] | null {
  const plain = text.toLowerCase().replaceAll('_', '')
  return (['convertToNull', 'exception', 'round'] as const).find((value) => value.toLowerCase() === plain) ?? null
}

/** `useSSL=true` alone asks for encryption; who wants the certificate checked says so. */
function sslOf(settings: URLSearchParams): MysqlConnection['ssl'] {
  const mode = settings.get('sslMode')?.toUpperCase().replaceAll('-', '_')
  if (mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY' || mode === 'VERIFY_FULL') return 'verify-full'
  if (mode === 'REQUIRED' || mode === 'TRUST') return 'require'
  if (mode !== undefined || settings.get('useSSL') !== 'true') return 'disable'
  return settings.get('verifyServerCertificate') === 'true' ? 'verify-full' : 'require'
}
