import { type PostgresMember, postgresReader, postgresWriter } from './sql/postgres-family.ts'

const member: PostgresMember = {
  kind: 'postgresql',
  title: 'PostgreSQL',
  names: ['postgres'],
  readerNames: ['postgresqlreader'],
  writerNames: ['postgresqlwriter'],
  keepsLedger: false,
}

export const reader = postgresReader(member)
export const writer = postgresWriter(member)
