/** What is drawn for these words: from 0 up to 1, the same for the same seed, in whatever order draws are made. */
export type Draw = (...words: readonly (string | number)[]) => number

/**
 * FNV-1a, then the finisher of MurmurHash3, as FNV alone leaves the high bits of similar words alike. Draws hang on names of
 * work, not on their order: which of two functions the database answers first is not ours to decide.
 */
export function drawOf(seed: number): Draw {
  return (...words) => {
    let hash = 0x811c9dc5
    const text = `${seed}|${words.join('|')}`
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
  }
}
