/**
 * A key that was met in objects of one place. Records mostly have the same keys in the same order, so each remembers what
 * followed it, and a key costs one comparison of bytes.
 */
export interface KeyNode {
  /** With its quotes. */
  readonly bytes: Buffer
  /** Where its value goes; -1 where nobody wants it. */
  slot: number
  /** Wanted keys of the object under it. */
  child: KeyLevel | null
  next: KeyNode | null
}

/** The keys of all objects in one place: the records themselves, or what lies under one of their keys. */
export interface KeyLevel {
  /** Before the first key; its `next` is the first one. */
  readonly start: KeyNode
  /** By the bytes of the key as Latin-1, which is made faster than UTF-8. */
  readonly nodes: Map<string, KeyNode>
  /** All slots of it and of what is under it: an object that comes a second time takes the place of the first. */
  readonly slots: number[]
}

/** Records may use keys as data; beyond so many, those that nobody wants are not remembered. */
const maxNodes = 4096

const node = (bytes: Buffer): KeyNode => ({ bytes, slot: -1, child: null, next: null })
const level = (): KeyLevel => ({ start: node(Buffer.alloc(0)), nodes: new Map(), slots: [] })

/**
 * The tree of wanted keys: `a.b` is the key `b` of the object under `a`, or a key of that very name.
 * @returns the slot of each key; equal keys share one
 */
export function keyTree(keys: readonly string[]): { readonly root: KeyLevel; readonly slotOf: Map<string, number> } {
  const root = level()
  const slotOf = new Map<string, number>()
  for (const key of keys) {
    if (slotOf.has(key)) continue
    const slot = slotOf.size
    slotOf.set(key, slot)
    addPath(root, key, slot)
  }
  return { root, slotOf }
}

function addPath(into: KeyLevel, path: string, slot: number): void {
  into.slots.push(slot)
  wantedNode(into, path).slot = slot
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const parent = wantedNode(into, path.slice(0, dot))
    parent.child ??= level()
    addPath(parent.child, path.slice(dot + 1), slot)
  }
}

function wantedNode({ nodes }: KeyLevel, key: string): KeyNode {
  const name = Buffer.from(key).toString('latin1')
  const known = nodes.get(name) ?? node(Buffer.from(`"${key}"`))
  nodes.set(name, known)
  return known
}

/** @param start of the opening quote, @param end behind the closing one */
export function findNode({ nodes }: KeyLevel, bytes: Buffer, start: number, end: number, hasEscapes: boolean): KeyNode {
  const name = hasEscapes ? unescaped(bytes, start, end) : bytes.toString('latin1', start + 1, end - 1)
  const known = nodes.get(name)
  if (known !== undefined) return known
  const fresh = node(Buffer.from(bytes.subarray(start, end)))
  if (!hasEscapes && nodes.size < maxNodes) nodes.set(name, fresh)
  return fresh
}

/** Its escapes have been found valid. */
const unescaped = (bytes: Buffer, start: number, end: number): string =>
  Buffer.from(JSON.parse(bytes.toString('utf8', start, end)) as string).toString('latin1')
