import type { RecordRewriter } from './record-rewriter.ts'

/** Two rewriters in a row: the second gets the records that the first has made. */
export function chainRewriters(first: RecordRewriter, second: RecordRewriter): RecordRewriter {
  return {
    encoding: second.encoding,
    stream: (body) => second.stream(first.stream(body)),
    record(bytes) {
      const made = first.record(bytes)
      return made === null ? null : second.record(made)
    },
    leftOut: () => first.leftOut() + second.leftOut(),
  }
}
