import { setFlagsFromString } from 'node:v8'

/** How much the heap may grow until it is collected, in the place of V8's own guess, which is small for a small heap. */
const growthPercent = 300

/**
 * For the process of a stack. Node makes an ArrayBuffer of each 64 kB that a server reads, and V8 counts them as growth of the
 * heap: of 25 MB, it was collected after each 10 MB of a body, which took half of the CPU of a large PUT (docs/decisions.md,
 * 2026-11-30). V8 reads this flag at each collection.
 */
export const collectRarely = () => setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
