import { endMarker } from '../codecs/end-marker.ts'
import { cutAtLine, linesOf, type RecordBlock, streamOf } from '../codecs/record-blocks.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { Body } from '../connectors/contract.ts'
import { guarded, type Move } from './move-records.ts'

/** What is left of a block once records were taken out of it, in order. */
export type Stretch = readonly RecordBlock[]

export const recordsIn = (stretch: Stretch) => stretch.reduce((sum, { records }) => sum + records, 0)

type Place = Pick<Body, 'encoding' | 'newline'>

/** The guard reads each record, which costs as much as counting them: it is called where there is something to guard. */
export function sentOf(
  stretch: Stretch,
  { opened, columns, body }: Pick<Move, 'opened' | 'columns'> & { readonly body: Place },
  rewriter: RecordRewriter | null,
): AsyncIterable<Uint8Array> {
  if (rewriter !== null) {
    const rewritten = rewriter.stream(wholeBlocks(stretch))
    // Between two columns stands a delimiter.
    return columns.length > 1 ? rewritten : guarded(rewritten, opened.sent, body.newline)
  }
  const bytes = bytesOf(stretch)
  const hasMarker = stretch.some((block) => block.mayHoldEndMarker && block.bytes.includes(endMarker))
  return hasMarker ? guarded(bytes, opened.sent, body.newline) : bytes
}

/** A rewriter puts together what pieces cut apart. */
async function* wholeBlocks(stretch: Stretch): AsyncIterable<Uint8Array> {
  for (const { bytes } of stretch) yield bytes
}

async function* bytesOf(stretch: Stretch): AsyncIterable<Uint8Array> {
  for (const block of stretch) yield* streamOf(block)
}

export interface StretchCut {
  readonly before: Stretch
  readonly record: RecordBlock
  readonly behind: Stretch
}

/** As `cutAtLine`, with lines counted over all of the stretch. null: it has no such line */
export function cutStretchAtLine(
  stretch: Stretch,
  { line, ...place }: Place & { readonly line: number },
): StretchCut | null {
  let linesBefore = 0
  for (const [index, block] of stretch.entries()) {
    const cut = cutAtLine(block, { ...place, line: line - linesBefore })
    if (cut === null) {
      linesBefore += linesOf(block)
      continue
    }
    const { before, record, behind } = cut
    const some = (part: RecordBlock) => (part.records === 0 ? [] : [part])
    return {
      before: [...stretch.slice(0, index), ...some(before)],
      record,
      behind: [...some(behind), ...stretch.slice(index + 1)],
    }
  }
  return null
}
