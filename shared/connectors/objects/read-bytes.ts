import type { ObjectHead, ObjectStore } from '../../ports/index.ts'

/** A few bytes of an object, in one piece. */
export async function readBytes(
  store: ObjectStore,
  { key, etag }: ObjectHead,
  range: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.readRange(key, { ...range, etag })) pieces.push(piece)
  return Buffer.concat(pieces)
}
