import type { ObjectHead, ObjectStore } from '../../shared/ports/index.ts'

/** One object in memory, and how much of it was asked for. */
export function countingStore(whole: Buffer) {
  let bytesRead = 0
  const store = {
    async *readRange(_: string, { start, end }: { start: number; end: number }) {
      bytesRead += end - start
      yield whole.subarray(start, end)
    },
  } as unknown as ObjectStore
  const head: ObjectHead = { key: 'a.csv', etag: 'E', size: whole.length, lastModified: new Date(0), metadata: {} }
  return { store, head, bytesRead: () => bytesRead }
}
