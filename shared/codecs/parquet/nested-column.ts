import { type Cells, emptyCells, recordsAtOnce } from './cells.ts'
import { openOutput, writeText } from './copy-output.ts'
import { isPlaces, type RecordColumn } from './flat-column.ts'
import { jsonValueOf, quoted } from './json-value.ts'
import type { ColumnPages, Page } from './pages.ts'
import type { Leaf, SchemaNode } from './schema-tree.ts'

/** The values of one leaf of a nested column, with their levels. */
interface LeafCursor {
  /** Whole records from here on that are in memory; of all but the last page, the last record may go on in the next one. */
  ready(): number
  load(): Promise<void>
  definition(): number
  /** Of the value under the cursor; 0 begins a record, and -1 says that there is none. */
  repetition(): number
  /** Passes over the value. @returns it as JSON; null where it is null */
  take(): string | null
}

/** Lists, maps and structs as JSON, put together as Dremel does: levels say where a list goes on and what is null. */
export function openNestedColumn(
  node: SchemaNode,
  leaves: readonly Leaf[],
  pagesOf: (leaf: Leaf) => ColumnPages,
): RecordColumn {
  const cursors = new Map(leaves.map((leaf) => [leaf.index, openCursor(leaf, pagesOf(leaf))]))
  const all = [...cursors.values()]
  const assemble = assembler(node, cursors)
  const next = () => {
    const json = assemble()
    if (all.some((cursor) => cursor.repetition() > 0))
      throw new RangeError(`the lists of column ${node.name} are not of one length`)
    return json
  }
  const made = openCellsOfJson(next)
  const waiting = () => Math.min(...all.map((cursor) => cursor.ready()))
  return {
    cells: made.cells,
    ready: () => (made.cells.count > 0 ? made.cells.count : waiting()),
    async load() {
      for (const cursor of all) if (cursor.ready() === 0) await cursor.load()
    },
    async skip(records) {
      for (let left = records; left > 0; left -= 1) {
        await this.load()
        next()
      }
    },
    fill(most, mostBytes) {
      if (made.cells.count === 0) made.fill(Math.min(most, waiting(), recordsAtOnce), mostBytes)
    },
    pass: made.pass,
  }
}

function openCellsOfJson(next: () => string | null) {
  const [starts, places] = [new Int32Array(recordsAtOnce + 1), new Int32Array(recordsAtOnce)]
  const cells: Cells = { ...emptyCells(), places }
  const out = openOutput(1024)
  let scratch = openOutput(1024)
  function write(json: string): void {
    if (scratch.bytes.length < json.length) scratch = openOutput(2 * json.length)
    writeText(scratch.bytes, scratch.view, 0, scratch.bytes.write(json, 0, 'latin1'), out)
  }
  return {
    cells,
    fill(most: number, mostBytes: number): void {
      out.at = 0
      let index = 0
      for (; index < most && out.at < mostBytes; index += 1) {
        const json = next()
        places[index] = json === null ? -1 : index
        if (json !== null) write(json)
        starts[index + 1] = out.at
      }
      cells.texts = { text: out.bytes, starts, count: index }
      cells.at = 0
      cells.count = index
    },
    pass(records: number): void {
      cells.at += records
      cells.count -= records
    },
  }
}

function openCursor(leaf: Leaf, pages: ColumnPages): LeafCursor {
  const jsonOf = jsonValueOf(leaf)
  let [definitions, repetitions]: [number[], number[]] = [[], []]
  let texts: string[] = []
  let [at, textAt] = [0, 0]
  /** Beginnings of records that are not passed yet. */
  let begun = 0
  let isLast = false

  function add(page: Page): void {
    definitions = definitions.slice(at)
    repetitions = repetitions.slice(at)
    texts = texts.slice(textAt)
    at = 0
    textAt = 0
    for (let index = 0; index < page.count; index += 1) {
      definitions.push(page.definitions === null ? leaf.definition : (page.definitions[index] as number))
      const repetition = page.repetitions === null ? 0 : (page.repetitions[index] as number)
      repetitions.push(repetition)
      if (repetition === 0) begun += 1
    }
    const { values } = page
    if (!isPlaces(values)) {
      for (let index = 0; index < values.count; index += 1) texts.push(jsonOf(values, index))
      return
    }
    const dictionary = pages.dictionary()
    if (dictionary === null) return
    for (const place of values.places) texts.push(jsonOf(dictionary, place))
  }

  return {
    ready: () => (isLast || leaf.repetition === 0 ? begun : Math.max(0, begun - 1)),
    async load() {
      while (!isLast && this.ready() === 0) {
        const page = await pages.next(0)
        if (page === null) isLast = true
        else if (!('passed' in page)) add(page)
      }
      if (begun === 0) throw new RangeError(`column ${leaf.name} has fewer values than its row group has rows`)
    },
    definition: () => definitions[at] ?? 0,
    repetition: () => repetitions[at] ?? -1,
    take() {
      const definition = definitions[at]
      if (definition === undefined)
        throw new RangeError(`column ${leaf.name} has fewer values than its row group has rows`)
      if (repetitions[at] === 0) begun -= 1
      at += 1
      if (definition < leaf.definition) return null
      textAt += 1
      return texts[textAt - 1] ?? null
    },
  }
}

/** @returns what reads the node's part of the next record; null where the node is null */
function assembler(node: SchemaNode, cursors: ReadonlyMap<number, LeafCursor>): () => string | null {
  if (node.kind === 'leaf') {
    const cursor = cursorOf(node.leaf, cursors)
    return () => cursor.take()
  }
  const under = leavesUnder(node).map((leaf) => cursorOf(leaf, cursors))
  const [first] = under
  // Without a leaf there are no levels to say anything of it.
  if (first === undefined) return () => '{}'
  const passAll = () => {
    for (const cursor of under) cursor.take()
  }
  const inner = innerOf(node, cursors)
  return () => {
    const definition = first.definition()
    if (definition < node.definition) {
      passAll()
      return null
    }
    if (node.kind === 'struct') return `{${inner()}}`
    const parts: string[] = []
    if (definition < node.entry) passAll()
    else
      do parts.push(inner())
      while (first.repetition() === node.repetition)
    return node.kind === 'map' ? `{${parts.join(',')}}` : `[${parts.join(',')}]`
  }
}

/** What stands within the brackets, once. */
function innerOf(node: Exclude<SchemaNode, { kind: 'leaf' }>, cursors: ReadonlyMap<number, LeafCursor>): () => string {
  if (node.kind === 'list') {
    const element = assembler(node.element, cursors)
    return () => element() ?? 'null'
  }
  if (node.kind === 'map') {
    const key = assembler(node.key, cursors)
    const value = node.value === null ? () => null : assembler(node.value, cursors)
    return () => {
      const name = key() ?? 'null'
      return `${name.startsWith('"') ? name : quoted(name)}:${value() ?? 'null'}`
    }
  }
  const members = node.children.map((child) => ({
    name: quoted(Buffer.from(child.name).toString('latin1')),
    read: assembler(child, cursors),
  }))
  return () => members.map(({ name, read }) => `${name}:${read() ?? 'null'}`).join(',')
}

function leavesUnder(node: SchemaNode): Leaf[] {
  if (node.kind === 'leaf') return [node.leaf]
  if (node.kind === 'struct') return node.children.flatMap(leavesUnder)
  if (node.kind === 'list') return leavesUnder(node.element)
  return [...leavesUnder(node.key), ...(node.value === null ? [] : leavesUnder(node.value))]
}

function cursorOf(leaf: Leaf, cursors: ReadonlyMap<number, LeafCursor>): LeafCursor {
  const cursor = cursors.get(leaf.index)
  if (cursor === undefined) throw new RangeError(`column ${leaf.name} is not among those that are read`)
  return cursor
}
