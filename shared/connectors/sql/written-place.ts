import { TransferError } from '../../errors/index.ts'
import type { Sql } from '../../ports/index.ts'
import * as catalog from './catalog.sql.ts'
import type { FoundTable } from './table-lookup.ts'
import { printTable } from './table-name.ts'

/** How rows come in: by COPY itself, or by INSERT (and UPDATE) from a table that COPY has filled. */
export type WrittenBy = 'copy' | 'append' | 'ignore' | 'replace'

export interface WrittenPlace {
  readonly kind: string
  /** `server_version_num`. */
  readonly kernel: number
  readonly takesInserts: boolean
  readonly takesUpdates: boolean
  /** By an INSTEAD OF INSERT trigger for each row. */
  readonly divertsInserts: boolean
}

/** COPY into a view came with PostgreSQL 10, LOCK TABLE of one with 11 (their release notes). */
const kernels = { copyIntoView: 100000, lockOfView: 110000 }

/**
 * Why rows cannot be written there; null: they can. A foreign table may take rows, but commits them on a server of its own
 * beside our ledger, so that they could be there twice.
 */
export function placeRefusal(place: WrittenPlace, by: WrittenBy): string | null {
  if (place.kind === 'm')
    return 'is a materialized view, which only its own query fills; load a table, and refresh the view in postSql'
  if (place.kind === 'f')
    return 'is a foreign table or an external one, whose rows do not commit with the ledger and could be there twice; load a table, and insert from there in postSql'
  if (place.kind !== 'v') return null
  if (by === 'copy') return copyIntoViewRefusal(place)
  if (!place.takesInserts) return 'is a view that takes no rows; name the table beneath it'
  if (by === 'append') return null
  if (by === 'replace' && !place.takesUpdates) return 'is a view that takes no updates; name the table beneath it'
  return place.kernel < kernels.lockOfView
    ? 'is a view, and this server cannot lock a view for a merge; name the table beneath it'
    : null
}

function copyIntoViewRefusal({ kernel, divertsInserts }: WrittenPlace): string | null {
  if (kernel < kernels.copyIntoView)
    return 'is a view, and COPY of this server cannot write into a view; name the table beneath it'
  return divertsInserts
    ? null
    : 'is a view, which COPY writes into only by an INSTEAD OF INSERT trigger; name the table beneath it, or set atomic, which inserts'
}

/** Before a row is sent, not when the first chunk fails. @throws job/unsupported */
export async function refuseUnwritable(sql: Sql, found: FoundTable, by: WrittenBy): Promise<void> {
  if (found.kind === 'r' || found.kind === 'p') return
  const { rows } = await sql.query<Omit<WrittenPlace, 'kind'>>(catalog.readWritten, [found.oid])
  const [facts = { kernel: 0, takesInserts: false, takesUpdates: false, divertsInserts: false }] = rows
  const refusal = placeRefusal({ kind: found.kind, ...facts }, by)
  if (refusal === null) return
  const message = `${printTable(found)} ${refusal}`
  throw new TransferError('job/unsupported', message, { parameter: 'table' })
}
