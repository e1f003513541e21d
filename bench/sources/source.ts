import type { Words } from '../command.ts'

/** The name of the table in every source; its key `id` counts from 1. */
export const sourceTable = 'lineitem'

/** A server that rows are read from, with the table of one file in it. */
export interface BenchSource extends AsyncDisposable {
  readonly plugin: string
  readonly datasource: object
  /** What it is read by on the command line. */
  readonly client: string
  /** One client that prints these rows as COPY's text. */
  printing(where: string): Words
}

/** How functions log in: the one password of databases that they have. */
export interface Secret {
  readonly text: string
  readonly ref: string
}
