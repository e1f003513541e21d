import * as z from 'zod'
import { copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import type { Reader, Slice, Source } from '../../shared/connectors/contract.ts'

/** What the readers of the simulation are told: slices that are as large in the ledger as those of real files. */
const Options = z.object({ slices: z.number().int(), rows: z.number().int(), sliceMs: z.number() })
export type SourceOptions = z.infer<typeof Options>

const sliceBytes = 64 * 1024 * 1024

/** `sleep`: time that bytes take; `direct`: loaders read slices themselves, as those of files; else they are staged first. */
export function simulatedReader(direct: boolean, sleep: (ms: number) => Promise<void>): Reader<SourceOptions> {
  return {
    role: 'reader',
    kind: direct ? 'simulated' : 'simulated-staged',
    title: 'Rows of the simulation',
    aliases: [],
    connection: 'oss',
    options: Options,
    ignored: {},
    remarks: null,
    ledger: null,
    repeatable: direct,
    incremental: null,
    forObject: null,
    open: async (options) => sourceOf(options, direct, sleep),
  }
}

function sourceOf(options: SourceOptions, direct: boolean, sleep: (ms: number) => Promise<void>): Source {
  const encoding = direct ? defaultCsv : copyText
  const columns = ['chunk', 'row'].map((name) => ({ name, type: 'integer', nullable: false }))
  return {
    columns: async () => columns,
    split: async () => ({
      slices: Array.from({ length: options.slices }, (_, index) => ({
        slice: sliceOf(index, options.rows),
        bytes: sliceBytes,
        records: direct ? options.rows : null,
      })),
      decisions: [{ what: `${options.slices} slices`, why: 'the simulation asks for them' }],
    }),
    offer: () => encoding,
    read: async (slice) => ({
      encoding,
      newline: 0x0a,
      maxRecordBytes: 1024,
      origin: { name: String(slice.key), start: 0, firstRecord: 1 },
      body: bodyOf(slice, direct ? ',' : '\t', options, sleep),
    }),
    describe: async (slice) => ({ statement: String(slice.key) }),
    projection: null,
    askIncrement: null,
    join: null,
    rest: null,
    guesses: null,
    first: null,
    cutSmaller: null,
    pick: null,
    isNamed: false,
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }
}

/** Of the members that a range of an object has. */
const sliceOf = (index: number, records: number): Slice => ({
  key: `warehouse/orders/2026-11-25/part-${String(index).padStart(6, '0')}.csv`,
  etag: '9B2CF535F27731C974343645A3985328',
  size: sliceBytes,
  start: 0,
  end: sliceBytes,
  firstRecord: 1,
  records,
  newline: 10,
  fields: 2,
  index,
})

/** Half of the rows come after half of the time, so that a crash in the middle leaves a COPY half done. */
async function* bodyOf(
  { index }: Slice,
  delimiter: string,
  { rows, sliceMs }: SourceOptions,
  sleep: (ms: number) => Promise<void>,
): AsyncIterable<Uint8Array> {
  const lines = Array.from({ length: rows }, (_, row) => `${index}${delimiter}${row}\n`)
  const half = Math.ceil(rows / 2)
  for (const part of [lines.slice(0, half), lines.slice(half)]) {
    await sleep(sliceMs / 2)
    if (part.length > 0) yield Buffer.from(part.join(''))
  }
}
