import { type CopyOutput, openOutput, writeNull, writeRaw } from './copy-output.ts'
import type { ColumnPages, Page } from './pages.ts'
import type { Leaf } from './schema-tree.ts'
import type { Places, Values } from './values.ts'
import { valueWriter } from './write-value.ts'

/** One column of a row group, record by record. */
export interface RecordColumn {
  /** Records that can be written before the next page is asked for. */
  ready(): number
  /** Gets the next page. @throws RangeError where there is none, though the footer says so */
  load(): Promise<void>
  /** Passes over records, whole pages without reading them. */
  skip(records: number): Promise<void>
  /** Writes the next record's field. */
  write(out: CopyOutput): void
}

/** Values of a dictionary as COPY text, made once. */
interface Rendered {
  readonly bytes: Buffer
  readonly ends: Uint32Array
}

/** A dictionary whose texts would be larger is written value by value. */
const maxRenderedBytes = 4 * 1024 * 1024

export function openFlatColumn(leaf: Leaf, pages: ColumnPages): RecordColumn {
  const writeValue = valueWriter(leaf)
  let definitions: Uint8Array | null = null
  let places: Int32Array | null = null
  let values: Values | null = null
  let rendered: Rendered | null = null
  let renderedOf: Values | null = null
  let count = 0
  let at = 0
  let valueAt = 0

  function take(page: Page): void {
    const { definitions: levels } = page
    definitions = levels
    count = page.count
    at = 0
    valueAt = 0
    if (!isPlaces(page.values)) {
      places = null
      values = page.values
      return
    }
    places = page.values.places
    values = pages.dictionary()
    if (values === renderedOf) return
    renderedOf = values
    rendered = values === null ? null : render(values, writeValue)
  }

  async function nextPage(skip: number): Promise<number> {
    const page = await pages.next(skip)
    if (page === null) throw new RangeError(`column ${leaf.name} has fewer values than its row group has rows`)
    if ('passed' in page) return page.passed
    take(page)
    return 0
  }

  return {
    ready: () => count - at,
    async load() {
      while (at >= count) await nextPage(0)
    },
    async skip(records) {
      let left = records
      while (left > 0) {
        if (at >= count) {
          left -= await nextPage(left)
          continue
        }
        const step = Math.min(left, count - at)
        if (definitions === null) valueAt += step
        else
          for (let index = at; index < at + step; index += 1) valueAt += definitions[index] === leaf.definition ? 1 : 0
        at += step
        left -= step
      }
    },
    write(out) {
      const index = at++
      if (definitions !== null && definitions[index] !== leaf.definition) return writeNull(out)
      const value = valueAt++
      if (places === null) return writeValue(values as Values, value, out)
      const place = places[value] as number
      if (rendered === null) writeValue(values as Values, place, out)
      else
        writeRaw(
          rendered.bytes,
          place === 0 ? 0 : (rendered.ends[place - 1] as number),
          rendered.ends[place] as number,
          out,
        )
    },
  }
}

export const isPlaces = (values: Values | Places): values is Places => 'places' in values

/** null when the texts are too large to be kept. */
function render(values: Values, writeValue: ReturnType<typeof valueWriter>): Rendered | null {
  const out = openOutput(Math.min(maxRenderedBytes, values.count * 16 + 64))
  const ends = new Uint32Array(values.count)
  for (let index = 0; index < values.count; index += 1) {
    writeValue(values, index, out)
    if (out.at > maxRenderedBytes) return null
    ends[index] = out.at
  }
  return { bytes: out.bytes, ends }
}
