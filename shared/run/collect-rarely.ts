import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** How much the heap may grow until it is collected, in the place of V8's own guess, which is small for a small heap. */
const growthPercent = 300
const lookMs = 500

/**
 * For a process that hands on many bytes: a local stack, and the function that inflates. Node makes an ArrayBuffer of each
 * 64 kB that a server reads, what inflates zstd and what decodes a charset one of each piece, and V8 counts them as growth of
 * the heap: of 20 MB, it was collected after each 10 MB, which took half of the CPU of a large PUT, and a third of a stage's
 * as long as zlib made such buffers, too (docs/decisions.md, 2026-11-30). V8 reads this flag at each collection; NODE_OPTIONS may not name it.
 * Until it is disposed of, or the heap is found to hold more than `untilHeapBytes`: what an instance does next may hold much more, and has to be collected in time.
 */
export function collectRarely(untilHeapBytes?: number): Disposable {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  const stop = () => {
    clearInterval(watch)
    setFlagsFromString('--heap-growing-percent=0')
  }
  const watch =
    untilHeapBytes === undefined
      ? undefined
      : setInterval(() => {
          if (getHeapStatistics().used_heap_size > untilHeapBytes) stop()
        }, lookMs)
  watch?.unref()
  return { [Symbol.dispose]: stop }
}
