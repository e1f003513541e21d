/** Work under one name is done one after the other, in the order it came. */
export function openLines(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>()
  return async (name, work) => {
    const mine = (tails.get(name) ?? Promise.resolve()).then(work)
    const tail = mine.catch(() => undefined)
    tails.set(name, tail)
    try {
      return await mine
    } finally {
      if (tails.get(name) === tail) tails.delete(name)
    }
  }
}
