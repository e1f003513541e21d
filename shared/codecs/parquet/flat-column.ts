import { type Cells, emptyCells, recordsAtOnce, type Texts } from './cells.ts'
import { openOutput } from './copy-output.ts'
import type { ColumnPages, Page } from './pages.ts'
import type { Leaf } from './schema-tree.ts'
import type { Places, Values } from './values.ts'
import { valueWriter, type WriteValue } from './write-value.ts'

/** One column of a row group, some records at a time. */
export interface RecordColumn {
  /** Fields of the next records, of as many as `count` says. */
  readonly cells: Cells
  /** Records whose fields can be had before the next page is asked for. */
  ready(): number
  /** Gets the next page. @throws RangeError where there is none, though the footer says so */
  load(): Promise<void>
  /** Passes over records, whole pages without reading them. */
  skip(records: number): Promise<void>
  /** Where there are no cells, makes those of one record or more that are ready, of `most` at most and as many bytes. */
  fill(most: number, mostBytes: number): void
  /** Goes on behind records whose cells were there. */
  pass(records: number): void
}

/** @param mostRenderedBytes a dictionary whose texts would take more is written value by value */
export function openFlatColumn(leaf: Leaf, pages: ColumnPages, mostRenderedBytes: number): RecordColumn {
  const writeValue = valueWriter(leaf)
  const cells = emptyCells()
  const [starts, ownPlaces] = [new Int32Array(recordsAtOnce + 1), new Int32Array(recordsAtOnce)]
  const out = openOutput(1024)
  let places: Int32Array | null = null
  let values: Values | null = null
  let rendered: Texts | null = null
  let renderedOf: Values | null = null
  let isRendered = false
  let count = 0
  let at = 0

  function take(page: Page): void {
    count = page.count
    at = 0
    cells.count = 0
    places = placesOf(page, leaf.definition)
    isRendered = false
    if (!isPlaces(page.values)) {
      values = page.values
      return
    }
    values = pages.dictionary()
    if (values !== renderedOf) {
      renderedOf = values
      rendered = values === null ? null : render(values, writeValue, mostRenderedBytes)
    }
    isRendered = rendered !== null
  }

  async function nextPage(skip: number): Promise<number> {
    const page = await pages.next(skip)
    if (page === null) throw new RangeError(`column ${leaf.name} has fewer values than its row group has rows`)
    if ('passed' in page) return page.passed
    take(page)
    return 0
  }

  function pass(records: number): void {
    at += records
    cells.at += records
    cells.count = Math.max(0, cells.count - records)
  }

  /** @returns records whose texts were made */
  function write(most: number, mostBytes: number): number {
    out.at = 0
    let index = 0
    for (; index < most && out.at < mostBytes; index += 1) {
      const place = places === null ? at + index : (places[at + index] as number)
      ownPlaces[index] = place < 0 ? -1 : index
      if (place >= 0) writeValue(values as Values, place, out)
      starts[index + 1] = out.at
    }
    return index
  }

  return {
    cells,
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
        pass(step)
        left -= step
      }
    },
    pass,
    fill(most, mostBytes) {
      if (cells.count > 0) return
      cells.areKept = rendered !== null && isRendered
      if (rendered !== null && isRendered) {
        cells.texts = rendered
        cells.places = places as Int32Array
        cells.at = at
        cells.count = count - at
        return
      }
      cells.count = write(Math.min(most, recordsAtOnce), mostBytes)
      cells.texts = { text: out.bytes, starts, count: cells.count }
      cells.places = ownPlaces
      cells.at = 0
    },
  }
}

export const isPlaces = (values: Values | Places): values is Places => 'places' in values

/** Of each record, below 0 where it is null; null: values lie as their records do. */
function placesOf({ values, definitions, count }: Page, definition: number): Int32Array | null {
  const given = isPlaces(values) ? values.places : null
  if (definitions === null) return given
  const places = new Int32Array(count)
  let next = 0
  for (let index = 0; index < count; index += 1) {
    if (definitions[index] !== definition) {
      places[index] = -1
      continue
    }
    places[index] = given === null ? next : (given[next] as number)
    next += 1
  }
  return places
}

/** null when the texts are too large to be kept. */
function render(values: Values, writeValue: WriteValue, mostBytes: number): Texts | null {
  const { count } = values
  const mostTextBytes = mostBytes - 4 * (count + 1)
  if (mostTextBytes < 0) return null
  const out = openOutput(Math.min(mostTextBytes, count * 16 + 64))
  const starts = new Int32Array(count + 1)
  for (let index = 0; index < count; index += 1) {
    writeValue(values, index, out)
    if (out.at > mostTextBytes) return null
    starts[index + 1] = out.at
  }
  return { text: out.bytes, starts, count }
}
