/** A read that can be started early. `bytes` is what it will hold. */
export interface EarlyRead<T> {
  readonly bytes: number
  start(signal: AbortSignal): Promise<T>
}

/**
 * Runs reads ahead of their use, in order: at most `maxReads` and `maxBytes` at a time, but always one. Leaving early, or
 * a read that fails, aborts the others.
 */
export async function* readAhead<T>(
  reads: Iterable<EarlyRead<T>>,
  options: { readonly maxReads: number; readonly maxBytes: number; readonly signal: AbortSignal },
): AsyncGenerator<T> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const waiting = reads[Symbol.iterator]()
  const running: { readonly bytes: number; readonly result: Promise<T> }[] = []
  let runningBytes = 0
  let next = waiting.next()
  const fill = () => {
    while (next.done !== true && running.length < options.maxReads) {
      const read = next.value
      if (running.length > 0 && runningBytes + read.bytes > options.maxBytes) return
      const result = read.start(signal)
      // It is awaited later, or not at all after a failure before it; either way it is not unhandled.
      result.catch(() => undefined)
      running.push({ bytes: read.bytes, result })
      runningBytes += read.bytes
      next = waiting.next()
    }
  }
  try {
    for (;;) {
      fill()
      const first = running[0]
      if (first === undefined) return
      yield await first.result
      running.shift()
      runningBytes -= first.bytes
    }
  } finally {
    stop.abort()
  }
}
