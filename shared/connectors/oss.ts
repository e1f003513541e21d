import * as z from 'zod'
import { encodeCsvRecord } from '../codecs/csv-encode.ts'
import type { CsvEncoding } from '../codecs/encoding.ts'
import { TransferError } from '../errors/index.ts'
import { copyRefusal } from '../load/copy-rules.ts'
import type { ObjectHead, ObjectStore } from '../ports/index.ts'
import {
  type ArrivedObject,
  type ConnectorContext,
  type Decision,
  defineReader,
  defineWriter,
  type ObjectTarget,
  type PlannedSlice,
  type Slice,
  type Source,
  type Split,
  type SplitRequest,
} from './contract.ts'
import { csvReaderShape, delimiterOption, encodingOf, refuseWhatCopyRefuses } from './objects/csv-options.ts'
import { cutObjects } from './objects/cut-objects.ts'
import { columnsOfFile, FileColumns, projectionOf, refuseForeignConstants } from './objects/file-columns.ts'
import { findObjects, matchesKey } from './objects/find-objects.ts'
import { ObjectSlice } from './objects/object-slice.ts'
import { prepareTarget, taggedKey } from './objects/write-modes.ts'
import { OssConnectionOption } from './options/connections.ts'
import { choice, flag, notYet, optionalText, parameters, recordBytes, texts, wizardLeavings } from './options/fields.ts'
import { printBytes } from './sql/split-strategy.ts'

const later = 'this format is a later release; csv is read and written'
const laterFormats = { parquet: later, orc: later, jsonl: later, json: later, excel: later, binary: later, sql: later }

const noLeadingSlash = (key: string) => !key.startsWith('/')

const readerIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  bufferSize: 'objects are read in ranges of a fixed size',
  balanceThreshold: 'objects are cut into ranges, so large and small ones balance by themselves',
  parquetSchema: 'it has a meaning only for parquet',
}

/** dataworks-datax.md §3.5. `text` is read as csv: DataX reads both with one parser. */
const OssReaderOptions = parameters(
  {
    connection: OssConnectionOption,
    object: texts()
      .refine((objects) => objects.length > 0, 'give the key of an object, or a pattern with * or ?')
      .refine((objects) => objects.every(noLeadingSlash), 'a key does not begin with /'),
    column: FileColumns,
    fileFormat: choice(['csv'], { otherwise: 'csv', aliases: { text: 'csv', txt: 'csv' }, refused: laterFormats }),
    ...csvReaderShape,
    successOnNoObject: flag(false),
    maxRecordBytes: recordBytes(),
  },
  readerIgnored,
).superRefine((options, context) => {
  refuseWhatCopyRefuses(options, context)
  refuseForeignConstants(options.column, options.encoding, context)
})
type OssReaderOptions = z.infer<typeof OssReaderOptions>

const writerIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  maxFileSize: 'the size of an object follows the slices of the reader',
  blockSizeInMB: 'parts are sized by the upload itself',
  ossBlockSize: 'parts are sized by the upload itself',
  generateEmptyFile: 'a table without rows leaves one object, with its header if it has one',
}

const oneObjectPerSlice = 'each slice is an object of its own; one object for all slices is a later release'

/** dataworks-datax.md §3.5. `writeMode` has no default: one of its values deletes objects. */
const OssWriterOptions = parameters(
  {
    connection: OssConnectionOption,
    object: z.string().min(1).refine(noLeadingSlash, 'a key does not begin with /'),
    writeMode: choice(['truncate', 'append', 'nonConflict'], {}),
    fileFormat: choice(['csv'], {
      otherwise: 'csv',
      refused: { ...laterFormats, text: 'text joins values without quotes, so a delimiter in one is lost; use csv' },
    }),
    fieldDelimiter: delimiterOption(),
    /** Unset: NULL is an empty field, and an empty text is `""`. */
    nullFormat: z.string().nullish(),
    header: texts(),
    writeHeader: flag(false),
    suffix: optionalText(),
    encoding: choice(['utf-8'], { otherwise: 'utf-8', aliases: { utf8: 'utf-8' } }),
    lineDelimiter: notYet('records end with \\n', ['\n', '\\n']),
    compress: notYet('compressed files are a later release', ['none', 'NONE']),
    dateFormat: notYet('dates are written as yyyy-MM-dd HH:mm:ss', ['yyyy-MM-dd HH:mm:ss']),
    writeSingleObject: notYet(oneObjectPerSlice, [false, 'false']),
    encrypt: notYet('set encryption on the bucket', [false, 'false']),
    partition: notYet('partition paths are a later release; put them into object'),
  },
  writerIgnored,
).superRefine((options, context) => {
  const reason = copyRefusal(writtenEncoding(options))
  if (reason !== null) context.addIssue({ code: 'custom', message: reason })
})
type OssWriterOptions = z.infer<typeof OssWriterOptions>

export const reader = defineReader<OssReaderOptions>({
  role: 'reader',
  kind: 'oss',
  title: 'Object Storage Service (OSS)',
  aliases: ['ossreader'],
  connection: 'oss',
  options: OssReaderOptions,
  ignored: readerIgnored,
  ledger: null,
  repeatable: true,
  async open(options, context): Promise<Source> {
    const store = await context.openStore(options.connection)
    const encoding = encodingOf(options)
    return {
      columns: async () => columnsOfFile(options.column),
      split: (want) => splitObjects(store, options, want, context),
      offer: () => encoding,
      async read(slice, _, signal) {
        const range = parseSlice(slice)
        const { key, start, newline, firstRecord } = range
        const { maxRecordBytes } = options
        const origin = { name: `oss://${store.bucket}/${key}`, start, firstRecord }
        return { encoding, newline, maxRecordBytes, origin, body: store.readRange(key, { ...range, signal }) }
      },
      projection:
        columnsOfFile(options.column) === null
          ? null
          : (slice) => projectionOf(options.column, parseSlice(slice).fields),
      rest(slice, consumed) {
        const range = parseSlice(slice)
        const start = range.start + consumed.bytes
        const firstRecord = range.firstRecord + consumed.records
        return { ...slice, start, firstRecord, records: range.records - consumed.records }
      },
      cutSmaller: null,
      holdSnapshot: null,
      async [Symbol.asyncDispose]() {},
    }
  },
})

export const writer = defineWriter<OssWriterOptions>({
  role: 'writer',
  kind: 'oss',
  title: 'Object Storage Service (OSS)',
  aliases: ['osswriter'],
  connection: 'oss',
  options: OssWriterOptions,
  ignored: writerIgnored,
  ledger: null,
  async open(options, context): Promise<ObjectTarget> {
    const store = await context.openStore(options.connection)
    const { object: prefix, writeMode: mode } = options
    const encoding = writtenEncoding(options)
    const suffix = dotted(options.suffix ?? '')
    return {
      kind: 'object',
      preferred: encoding,
      store,
      prepare: (runTag) => prepareTarget(store, { prefix, runTag, mode }),
      keyOf: (runTag, sliceIndex) => taggedKey(prefix, runTag, sliceIndex, suffix),
      header(columns) {
        if (options.header.length > 0) return encodeCsvRecord(options.header, encoding)
        const names = options.writeHeader ? (columns ?? []).map((column) => column.name) : []
        return names.length === 0 ? new Uint8Array() : encodeCsvRecord(names, encoding)
      },
      putOptions: { contentType: 'text/csv; charset=utf-8' },
      async [Symbol.asyncDispose]() {},
    }
  },
})

// ---------------------------------------------------------------------------------------------------------------------

async function splitObjects(
  store: ObjectStore,
  options: OssReaderOptions,
  want: SplitRequest,
  { signal }: ConnectorContext,
): Promise<Split> {
  const objects = await objectsOf(store, options, want.arrived)
  const slices: PlannedSlice[] = []
  const empty: string[] = objects.filter((head) => head.size === 0).map((head) => head.key)
  const headerRecords = options.skipHeader ? 1 : 0
  const { targetBytes } = want
  const request = { encoding: encodingOf(options), headerRecords, targetBytes }
  for await (const { key, ranges } of cutObjects(store, objects, { ...request, signal })) {
    if (ranges.length === 0) empty.push(key)
    for (const slice of ranges) {
      slices.push({ slice, bytes: slice.end - slice.start, records: slice.records })
    }
  }
  return { slices, decisions: [...decide(objects, slices, want), ...emptyDecision(empty), ...nullDecision(options)] }
}

async function objectsOf(
  store: ObjectStore,
  options: OssReaderOptions,
  arrived: ArrivedObject | null,
): Promise<ObjectHead[]> {
  try {
    const arrivedHere = arrived?.bucket === store.bucket ? arrived.key : null
    const objects = await findObjects(store, options.object, arrivedHere)
    if (arrived !== null) refuseOtherVersion(store, options.object, objects, arrived)
    return objects
  } catch (error) {
    const isNone = error instanceof TransferError && error.code === 'source/no-objects'
    if (isNone && arrived !== null) refuseOtherVersion(store, options.object, [], arrived)
    if (isNone && options.successOnNoObject) return []
    throw error
  }
}

/**
 * The run of an arrival loads the version that arrived, or nothing: the version that replaced it has a run of its own.
 * @throws source/object-changed, source/object-missing
 */
function refuseOtherVersion(
  { bucket }: ObjectStore,
  patterns: readonly string[],
  objects: readonly ObjectHead[],
  arrived: ArrivedObject,
): void {
  const { key, etag } = arrived
  if (arrived.bucket !== bucket || !patterns.some((pattern) => matchesKey(pattern, key))) return
  const head = objects.find((one) => one.key === key)
  if (head === undefined)
    throw new TransferError('source/object-missing', `oss://${bucket}/${key} was deleted after it arrived`, { key })
  if (head.etag === etag) return
  throw new TransferError('source/object-changed', `oss://${bucket}/${key} was replaced after it arrived`, { key })
}

function decide(objects: readonly ObjectHead[], slices: readonly PlannedSlice[], want: SplitRequest): Decision[] {
  const bytes = objects.reduce((sum, head) => sum + head.size, 0)
  const records = slices.reduce((sum, slice) => sum + (slice.records ?? 0), 0)
  const what = `${slices.length} slices of ${objects.length} objects`
  const size = `${printBytes(bytes)} with ${records} records`
  return [{ what, why: `${size}, cut behind the first record that reaches ${printBytes(want.targetBytes)}` }]
}

function emptyDecision([first, ...others]: readonly string[]): Decision[] {
  if (first === undefined) return []
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return [{ what: `nothing is read of ${first}${more}`, why: 'no record is in there' }]
}

function nullDecision({ nullFormat }: OssReaderOptions): Decision[] {
  if (nullFormat !== undefined && nullFormat !== null) return []
  return [{ what: 'an empty field is NULL, "" is an empty text', why: 'nullFormat is not set' }]
}

/** @throws event/invalid for a slice that no planner of ours has made */
function parseSlice(slice: Slice): ObjectSlice {
  const parsed = ObjectSlice.safeParse(slice)
  if (parsed.success) return parsed.data
  throw new TransferError('event/invalid', 'the slice is not one of oss', {}, { cause: parsed.error })
}

function writtenEncoding(options: { fieldDelimiter: string; nullFormat?: string | null | undefined }): CsvEncoding {
  const { fieldDelimiter: delimiter, nullFormat } = options
  return { format: 'csv', delimiter, quote: '"', escape: '"', null: nullFormat ?? '', charset: 'utf-8' }
}

/** osswriter adds the dot that is missing (dataworks-datax.md §3.5). */
const dotted = (suffix: string) => (suffix === '' || suffix.startsWith('.') ? suffix : `.${suffix}`)
