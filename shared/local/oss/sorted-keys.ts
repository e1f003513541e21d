/** Keys in the order of their UTF-8 bytes, which differs from JavaScript's order beyond the basic plane. */
export class SortedKeys {
  private readonly keys: Buffer[]

  constructor(keys: Iterable<string> = []) {
    this.keys = Array.from(keys, (key) => Buffer.from(key)).sort(Buffer.compare)
  }

  add(key: string): void {
    const bytes = Buffer.from(key)
    const at = this.firstFrom(bytes)
    if (this.keys[at]?.equals(bytes)) return
    // Objects mostly arrive in order, where the end is the place; splice elsewhere moves pointers only.
    this.keys.splice(at, 0, bytes)
  }

  delete(key: string): void {
    const bytes = Buffer.from(key)
    const at = this.firstFrom(bytes)
    if (this.keys[at]?.equals(bytes)) this.keys.splice(at, 1)
  }

  /** Keys ≥ `from`, in order. */
  *from(from: Buffer): Iterable<string> {
    for (let at = this.firstFrom(from); at < this.keys.length; at += 1) yield String(this.keys[at])
  }

  private firstFrom(bytes: Buffer): number {
    let [low, high] = [0, this.keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const key = this.keys[middle]
      if (key !== undefined && Buffer.compare(key, bytes) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
