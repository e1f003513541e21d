/** Takes the next item of a source while the reader is busy with the one before it. */
export async function* oneAhead<T>(source: AsyncIterable<T>): AsyncIterable<T> {
  const items = source[Symbol.asyncIterator]()
  const pull = () => {
    const pulled = items.next()
    // It is awaited later, or not at all after a failure before it; either way it is not unhandled.
    pulled.catch(() => undefined)
    return pulled
  }
  let next = pull()
  try {
    for (;;) {
      const { done, value } = await next
      if (done === true) return
      next = pull()
      yield value
    }
  } finally {
    await next.catch(() => undefined)
    await items.return?.()
  }
}
