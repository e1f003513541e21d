import { serverCharset } from '../../load/copy-rules.ts'
import type { Remark } from '../contract.ts'
import { notYet, wizardLeavings } from '../options/fields.ts'

const later = 'this format is a later release; csv, jsonl and parquet are read and written'
const noOrc = 'there is no library for ORC that runs in Node.js; write Parquet, as Hive, Spark and MaxCompute can'
export const laterFormats = { orc: noOrc, excel: later, binary: later, sql: later }

export const noLeadingSlash = (key: string) => !key.startsWith('/')

const viaProxy = 'functions reach OSS without a proxy'
export const onlyColumnar = 'it has a meaning only for parquet'
export const onlySql = 'it has a meaning only for fileFormat sql'

/** What osswriter and ossreader have in common beyond the file itself (dataworks-datax.md §3.5). */
export const bothIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  proxyHost: viaProxy,
  proxyPort: viaProxy,
  proxyUsername: viaProxy,
  proxyPassword: viaProxy,
  proxyDomain: viaProxy,
  proxyWorkstation: viaProxy,
  hadoopConfig: 'objects are reached through the datasource',
}
export const noOwnDomain = () =>
  notYet('a domain of your own (cname) is a later release; give the endpoint of the region', [false, 'false'])

export const onParquet = ': a Parquet file says itself how its values lie'
export const isForeign = (encoding: string | undefined) => encoding !== undefined && serverCharset(encoding) !== 'UTF8'

/** What is given of one format beside another, such as of CSV beside JSON, where names are keys, and null is null. */
export const withoutEffect = (given: Readonly<Record<string, boolean>>, why: string): Remark[] =>
  Object.entries(given)
    .filter(([, isGiven]) => isGiven)
    .map(([parameter]) => ({ parameter, message: `has no effect${why}` }))
