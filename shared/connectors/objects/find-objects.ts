import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'

/**
 * The objects that the patterns name, each once, in order of their keys. `*` stands for any characters, `/` among them,
 * `?` for one, and `[0-9]` for one of these, as the pages of ossreader have it (dataworks-datax.md §3.5). A pattern that is
 * the key of an object means that object alone.
 * @param arrived the key that started the run: where a pattern is just that, its characters mean themselves
 * @throws source/bucket-missing, source/no-objects naming the patterns that match nothing
 */
export async function findObjects(
  store: ObjectStore,
  patterns: readonly string[],
  arrived: string | null = null,
): Promise<ObjectHead[]> {
  const found = new Map<string, ObjectHead>()
  const unmatched: string[] = []
  for (const pattern of patterns) {
    const before = found.size
    let matched = false
    for await (const head of matching(store, pattern, arrived)) {
      matched = true
      found.set(head.key, head)
    }
    if (!matched && found.size === before) unmatched.push(pattern)
  }
  if (unmatched.length > 0) throw noObjects(store.bucket, unmatched)
  return [...found.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
}

async function* matching(store: ObjectStore, pattern: string, arrived: string | null): AsyncGenerator<ObjectHead> {
  const wildcard = pattern === arrived ? -1 : pattern.search(/[*?[]/)
  const mayBeKey = wildcard === -1 || !/[*?]/.test(pattern)
  const head = mayBeKey ? await store.head(pattern) : null
  if (head !== null) yield head
  if (head !== null || wildcard === -1) return
  const shape = shapeOf(pattern)
  for await (const head of store.list(pattern.slice(0, wildcard))) {
    // A key that ends with `/` is how consoles show a folder; it holds nothing.
    if (shape.test(head.key) && !(head.size === 0 && head.key.endsWith('/'))) yield head
  }
}

export const matchesKey = (pattern: string, key: string): boolean => pattern === key || shapeOf(pattern).test(key)

/** One of some characters, none of them a sign of patterns: `[0-9]`, `[abc]`, `[!a-z]`. */
const parts = /\[(!?)((?:\w-\w|\w)+)\]|./gsu

function shapeOf(pattern: string): RegExp {
  const shape = pattern.replaceAll(parts, (whole, not: string | undefined, characters: string | undefined) =>
    characters !== undefined && isInOrder(characters) ? `[${not === '!' ? '^' : ''}${characters}]` : asPattern(whole),
  )
  return new RegExp(`^${shape}$`, 'su')
}

/** `[9-0]` is no set: it stands for itself. */
const isInOrder = (characters: string): boolean =>
  [...characters.matchAll(/(\w)-(\w)/g)].every(([, low = '', high = '']) => low <= high)

/** With the `u` flag only these may be escaped: a `\-` would be a syntax error. */
const asPattern = (text: string) => {
  if (text === '*') return '.*'
  return text === '?' ? '.' : text.replaceAll(/[\\^$.|+()[\]{}/]/g, '\\$&')
}

function noObjects(bucket: string, patterns: readonly string[]): TransferError {
  const list = patterns.map((pattern) => `oss://${bucket}/${pattern}`).join(', ')
  const folder = patterns.some((pattern) => pattern.endsWith('/')) ? '; a folder is read with * behind it' : ''
  return new TransferError('source/no-objects', `no object matches ${list}${folder}`, {
    bucket,
    object: patterns[0] ?? '',
    parameter: 'object',
  })
}
