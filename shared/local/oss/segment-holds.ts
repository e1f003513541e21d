import { removeSegments, type Segment } from './object-files.ts'

/** Keeps the bytes of an old version while somebody reads them, as the cloud does: a download never mixes or loses versions. */
export interface SegmentHolds {
  /** @returns what lets go of them again */
  hold(segments: readonly Segment[]): () => Promise<void>
  /** Removes segments now, or when the last reader lets go. What a crash leaves is found at the next start. */
  discard(segments: readonly Segment[]): Promise<void>
}

export function segmentHolds(bucketDir: string): SegmentHolds {
  const readers = new Map<string, number>()
  const doomed = new Set<string>()

  async function letGo(segment: Segment): Promise<void> {
    const left = (readers.get(segment.file) ?? 1) - 1
    if (left > 0) return void readers.set(segment.file, left)
    readers.delete(segment.file)
    if (doomed.delete(segment.file)) await removeSegments(bucketDir, [segment])
  }

  return {
    hold(segments) {
      for (const { file } of segments) readers.set(file, (readers.get(file) ?? 0) + 1)
      let held = true
      return async () => {
        if (!held) return
        held = false
        await Promise.all(segments.map(letGo))
      }
    },
    async discard(segments) {
      for (const { file } of segments) if (readers.has(file)) doomed.add(file)
      await removeSegments(
        bucketDir,
        segments.filter(({ file }) => !readers.has(file)),
      )
    },
  }
}
