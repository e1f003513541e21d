import { type PostgresMember, postgresReader, postgresWriter } from './sql/postgres-family.ts'

/*
 * COPY parses a line on the coordinator up to its last distribution or partition key column (adbpg-and-peers.md A0): a file
 * whose first fields are those columns loads fastest. The order of the file is kept, as its bytes go through untouched.
 */
const member: PostgresMember = {
  kind: 'adbpg',
  title: 'AnalyticDB for PostgreSQL',
  names: ['analyticdb_for_postgresql', 'greenplum', 'gpdb'],
  readerNames: ['adbpgreader', 'gpdbreader', 'greenplumreader'],
  writerNames: ['adbpgwriter', 'gpdbwriter', 'greenplumwriter'],
  keepsLedger: true,
}

export const reader = postgresReader(member)
export const writer = postgresWriter(member)
