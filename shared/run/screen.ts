import { fieldFinder } from '../codecs/field-finder.ts'
import type { RecordBlock } from '../codecs/record-blocks.ts'
import { createRecordScanner } from '../codecs/record-ends.ts'
import type { Body } from '../connectors/contract.ts'
import type { TransferError } from '../errors/index.ts'
import { type IsPlain, plainValueOf } from '../load/plain-value.ts'
import type { Column } from '../schema/index.ts'
import { cutOut, endInSteps, endOf, type Look, type ScreenedBlock } from './cut-out-suspects.ts'

/**
 * Looks records over before they are sent together, once the server has refused one: at the columns it has refused, and at
 * the number of fields. Without it each bad record of a block has the records before it sent twice, 7 ms; with it a bad
 * record costs the COPY that gives its reason, 1 ms (`npm run bench -- --part bad-records`).
 */
export interface Screen {
  /** @returns whether a block should be looked over anew: the refusal has taught something */
  learn(refusal: TransferError): boolean
  /**
   * Looks no further than at `mostSuspects`, as each is an object or two, and a block may have half a million of them.
   * @returns null: nothing is suspect
   */
  cut(block: RecordBlock, mostSuspects: number): ScreenedBlock | null
  /** Keeps what `cut` will be asked for, while the block before is on its way to the server. */
  lookAhead(block: RecordBlock, mostSuspects: number): Promise<void>
  /** A suspect was good after all. */
  wasWrong(): void
  /** It was not wrong too often. */
  isTrusted(): boolean
}

/** Of records whose fields are found by their keys. */
const unseeing: Screen = {
  learn: () => false,
  cut: () => null,
  lookAhead: async () => undefined,
  wasWrong: () => undefined,
  isTrusted: () => false,
}

/** Each costs a COPY of one record. */
const maxWrong = 8

/** @param columns of the fields in their order; null: fields are not those of the destination, and nothing is looked over */
export function openScreen(
  { encoding, newline }: Pick<Body, 'encoding' | 'newline'>,
  columns: readonly Column[] | null,
): Screen {
  if (encoding.format === 'jsonl') return unseeing
  const checks = new Map<number, IsPlain>()
  let isCounting = false
  let wrong = 0
  const isTrusted = () => wrong < maxWrong
  const findFields = fieldFinder(encoding, newline)
  const nullBytes = Buffer.from(encoding.null)
  const quote = encoding.format === 'csv' ? encoding.quote.charCodeAt(0) : -1

  function isSuspect(bytes: Buffer, start: number, end: number): boolean {
    const found = findFields(bytes, start, end)
    if (found.count !== columns?.length) return true
    for (const [index, isPlain] of checks) {
      let [from, to] = [found.starts[index] ?? end, found.ends[index] ?? end]
      if (nullBytes.length === to - from && nullBytes.equals(bytes.subarray(from, to))) {
        if (columns[index]?.nullable === false) return true
        continue
      }
      if (to - from >= 2 && bytes[from] === quote && bytes[to - 1] === quote) {
        from += 1
        to -= 1
      }
      if (!isPlain(bytes, from, to)) return true
    }
    return false
  }

  const ahead = new WeakMap<RecordBlock, { readonly lessons: number; readonly screened: ScreenedBlock | null }>()
  const lessons = () => checks.size + Number(isCounting)
  function look(block: RecordBlock, mostSuspects: number): Look | null {
    if (!isCounting || !isTrusted()) return null
    return cutOut(block, { scanner: createRecordScanner(encoding, newline), isSuspect, mostSuspects })
  }

  return {
    learn({ context: { sqlstate, column } }) {
      if (columns === null || !isTrusted()) return false
      const isNew = !isCounting
      isCounting = true
      const index = columns.findIndex(({ name }) => name === column)
      const type = columns[index]?.type
      const isPlain = type === undefined ? null : (plainValueOf(type) ?? (sqlstate === notNull ? () => true : null))
      if (isPlain === null || checks.has(index)) return isNew && sqlstate === shape
      checks.set(index, isPlain)
      return true
    },
    cut(block, mostSuspects) {
      const known = ahead.get(block)
      return known?.lessons === lessons() ? known.screened : endOf(look(block, mostSuspects))
    },
    async lookAhead(block, mostSuspects) {
      // As it is now: what is learned meanwhile makes the look worthless.
      const known = lessons()
      ahead.set(block, { lessons: known, screened: await endInSteps(look(block, mostSuspects)) })
    },
    wasWrong() {
      wrong += 1
    },
    isTrusted,
  }
}

const notNull = '23502'
/** Too many fields, or too few. */
const shape = '22P04'
