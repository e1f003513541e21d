import { chainRewriters } from '../codecs/chain-rewriters.ts'
import { createCsvProjector, type Projection } from '../codecs/csv-project.ts'
import { copyText } from '../codecs/encoding.ts'
import { createJsonTranscoder } from '../codecs/json-lines/transcode.ts'
import { jsonColumnOf, type KeyProjection } from '../codecs/json-lines/write-record.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { Body } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import { copyOrder } from '../load/copy-order.ts'
import type { Column } from '../schema/index.ts'
import type { ChangeFields } from '../transform/compile.ts'
import { transformRecords } from '../transform/rewrite.ts'

/** How the fields of records, as they lie in their source, get into the columns of a destination. */
export interface WayOfFields {
  /** COPY's column list says which field goes where, so that the bytes stay as they are; null: in the order of the table. */
  readonly order: readonly number[] | null
  /** They are decoded, and written anew as COPY text. */
  readonly isChanged: boolean
  /** @param columns of the destination, whose types decide how a value of JSON is written */
  rewriterOf(body: Pick<Body, 'encoding' | 'newline'>, columns: readonly Column[]): RecordRewriter | null
}

export function wayOfFields(projection: Projection | KeyProjection | null, change: ChangeFields | null): WayOfFields {
  if (projection !== null && 'keys' in projection) return wayOfKeys(projection, change)
  if (change !== null)
    return { order: null, isChanged: true, rewriterOf: (from) => changed({ ...from, projection, change }) }
  const order = projection === null ? null : copyOrder(projection)
  const picked = order === null ? projection : null
  return { order, isChanged: false, rewriterOf: (body) => (picked === null ? null : csvProjector(body, picked)) }
}

/** Steps work on the fields that the keys have become. */
function wayOfKeys({ keys }: KeyProjection, change: ChangeFields | null): WayOfFields {
  const from = { encoding: copyText, newline: 0x0a }
  return {
    order: null,
    isChanged: true,
    rewriterOf(_, columns) {
      const transcoder = createJsonTranscoder({ fields: keys, columns: columns.map(({ type }) => jsonColumnOf(type)) })
      return change === null ? transcoder : chainRewriters(transcoder, changed({ ...from, projection: null, change }))
    },
  }
}

interface Changing extends Pick<Body, 'encoding' | 'newline'> {
  readonly projection: Projection | null
  readonly change: ChangeFields
}

function changed({ encoding, newline, projection, change }: Changing): RecordRewriter {
  if (encoding.format === 'jsonl') throw notPicked(encoding.format)
  return transformRecords({ from: { encoding, newline }, to: copyText, projection, change })
}

/** @throws internal/bug for another format: only files of text have fields to pick, and their connectors say so */
function csvProjector({ encoding, newline }: Pick<Body, 'encoding' | 'newline'>, projection: Projection) {
  if (encoding.format === 'csv') return createCsvProjector(encoding, newline, projection)
  throw notPicked(encoding.format)
}

const notPicked = (format: string) => new TransferError('internal/bug', `fields of ${format} cannot be picked`)
