import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'

/**
 * The objects that the patterns name, each once, in order of their keys. `*` stands for any characters, `/` among them,
 * and `?` for one, as in ossreader; without them a pattern is a key.
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
  const wildcard = pattern === arrived ? -1 : pattern.search(/[*?]/)
  if (wildcard === -1) {
    const head = await store.head(pattern)
    if (head !== null) yield head
    return
  }
  const shape = shapeOf(pattern)
  for await (const head of store.list(pattern.slice(0, wildcard))) {
    // A key that ends with `/` is how consoles show a folder; it holds nothing.
    if (shape.test(head.key) && !(head.size === 0 && head.key.endsWith('/'))) yield head
  }
}

export const matchesKey = (pattern: string, key: string): boolean => shapeOf(pattern).test(key)

const shapeOf = (pattern: string) => new RegExp(`^${pattern.split('').map(asPattern).join('')}$`, 'su')

/** With the `u` flag only these may be escaped: a `\-` would be a syntax error. */
const asPattern = (character: string) => {
  if (character === '*') return '.*'
  return character === '?' ? '.' : character.replace(/[\\^$.|+()[\]{}/]/, '\\$&')
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
