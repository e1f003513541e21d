import {
  type LogicalType,
  logicalTypeOf,
  type PhysicalType,
  postgresTypeOf,
  type SchemaElement,
} from './logical-type.ts'

/** Values of one column of the file, nested or not. */
export interface Leaf {
  /** Its number among the leaves, by which row groups list them. */
  readonly index: number
  readonly name: string
  readonly physical: PhysicalType
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number
  readonly type: LogicalType
  /** Definition level of a value that is there; lower ones say which of the groups around it is null. */
  readonly definition: number
  /** Repetition level of a value that continues the innermost list around it. */
  readonly repetition: number
}

/** `definition` and `repetition` are the levels at which the node itself is there. */
interface Levels {
  readonly name: string
  readonly definition: number
  readonly repetition: number
}
export type SchemaNode =
  | (Levels & { readonly kind: 'leaf'; readonly leaf: Leaf })
  | (Levels & { readonly kind: 'struct'; readonly children: readonly SchemaNode[] })
  /** `definition` of a list says that it is there, that of its element that it has one. `repetition` is that of a further element. */
  | (Levels & { readonly kind: 'list'; readonly entry: number; readonly element: SchemaNode })
  | (Levels & {
      readonly kind: 'map'
      readonly entry: number
      readonly key: SchemaNode
      readonly value: SchemaNode | null
    })

export interface SchemaColumn {
  readonly name: string
  readonly node: SchemaNode
  readonly leaves: readonly Leaf[]
  /** The name of PostgreSQL for its type; what is nested is json. */
  readonly type: string
  readonly nullable: boolean
}

const convertedMaps = [1, 2]
const convertedList = 3
const annotatedMap = 2
const annotatedList = 3
const maxDepth = 64

/** The columns of a file. @throws RangeError for a schema that is none */
export function columnsOfSchema(schema: readonly SchemaElement[]): readonly SchemaColumn[] {
  let next = 1
  let leafCount = 0
  let leaves: Leaf[] = []

  function take(): SchemaElement {
    const element = schema[next]
    if (element === undefined) throw new RangeError('the schema of the footer is cut short')
    next += 1
    return element
  }

  /** A repeated element is a list of its own, unless a list or map around it has taken that into account. */
  function node(outer: Pick<Levels, 'definition' | 'repetition'>, depth: number): SchemaNode {
    if (depth > maxDepth) throw new RangeError(`the schema is nested deeper than ${maxDepth} levels`)
    const element = take()
    if (element.repetition !== 'repeated') return content(element, within(outer, element), depth)
    const entry = within(outer, element)
    return {
      kind: 'list',
      name: element.name,
      ...outer,
      entry: entry.definition,
      repetition: entry.repetition,
      element: content(element, entry, depth),
    }
  }

  function content(
    element: SchemaElement,
    levels: Pick<Levels, 'definition' | 'repetition'>,
    depth: number,
  ): SchemaNode {
    const { name } = element
    if (element.children === 0) return leafOf(element, levels)
    if (isMap(element) && element.children === 1) return mapOf(element, levels, depth)
    if (isList(element) && element.children === 1 && schema[next]?.repetition === 'repeated')
      return listOf(element, levels, depth)
    return { kind: 'struct', name, ...levels, children: children(element.children, levels, depth) }
  }

  const children = (count: number, levels: Pick<Levels, 'definition' | 'repetition'>, depth: number): SchemaNode[] =>
    Array.from({ length: count }, () => node(levels, depth + 1))

  /** Backward compatibility: LogicalTypes.md, Lists. */
  function listOf(list: SchemaElement, levels: Pick<Levels, 'definition' | 'repetition'>, depth: number): SchemaNode {
    const repeated = take()
    const entry = within(levels, repeated)
    const isElement =
      repeated.children !== 1 ||
      repeated.name === 'array' ||
      repeated.name === `${list.name}_tuple` ||
      schema[next]?.repetition === 'repeated'
    const element = isElement ? content(repeated, entry, depth + 1) : node(entry, depth + 1)
    return {
      kind: 'list',
      name: list.name,
      definition: levels.definition,
      repetition: entry.repetition,
      entry: entry.definition,
      element,
    }
  }

  function mapOf(map: SchemaElement, levels: Pick<Levels, 'definition' | 'repetition'>, depth: number): SchemaNode {
    const repeated = take()
    const entry = within(levels, repeated)
    if (repeated.repetition !== 'repeated' || repeated.children < 1 || repeated.children > 2)
      throw new RangeError(`${map.name} is marked as a map and has no keys and values`)
    const [key, value] = children(repeated.children, entry, depth + 1)
    if (key === undefined) throw new RangeError(`${map.name} is a map without keys`)
    const { definition } = levels
    return {
      kind: 'map',
      name: map.name,
      definition,
      repetition: entry.repetition,
      entry: entry.definition,
      key,
      value: value ?? null,
    }
  }

  function leafOf(element: SchemaElement, levels: Pick<Levels, 'definition' | 'repetition'>): SchemaNode {
    const { name, physical, typeLength } = element
    if (physical === null) throw new RangeError(`column ${name} is of a type that is not known`)
    const leaf: Leaf = {
      index: leafCount,
      name,
      physical,
      typeLength,
      type: logicalTypeOf(element, physical),
      ...levels,
    }
    leafCount += 1
    leaves.push(leaf)
    return { kind: 'leaf', name, ...levels, leaf }
  }

  return Array.from({ length: schema[0]?.children ?? 0 }, () => {
    leaves = []
    const top = node({ definition: 0, repetition: 0 }, 0)
    const type = top.kind === 'leaf' ? postgresTypeOf(top.leaf.type) : 'json'
    return { name: top.name, node: top, leaves, type, nullable: top.kind === 'leaf' ? top.definition > 0 : true }
  })
}

const isMap = ({ converted, annotation }: SchemaElement) =>
  annotation?.id === annotatedMap || convertedMaps.includes(converted ?? -1)
const isList = ({ converted, annotation }: SchemaElement) =>
  annotation?.id === annotatedList || converted === convertedList

function within({ definition, repetition }: Pick<Levels, 'definition' | 'repetition'>, element: SchemaElement) {
  return {
    definition: definition + (element.repetition === 'required' ? 0 : 1),
    repetition: repetition + (element.repetition === 'repeated' ? 1 : 0),
  }
}
