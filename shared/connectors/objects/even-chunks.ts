/**
 * What a load costs beside its COPY is what 4 MB take on one session (gather-slices.ts): less is not worth a chunk of its own
 * for the sake of one more loader at the same time.
 */
const worthwhileBytes = 4 * 1024 * 1024

/**
 * Chunks of one size, the same number for each of the loaders that work at the same time: none is left alone with the last.
 * @param want `targetBytes`: no chunk is meant to be larger
 */
export function evenChunkBytes(
  totalBytes: number,
  { targetBytes, concurrent }: { readonly targetBytes: number; readonly concurrent: number },
): number {
  if (targetBytes <= worthwhileBytes) return targetBytes
  const rounds = Math.max(1, Math.ceil(totalBytes / (targetBytes * concurrent)))
  return Math.max(worthwhileBytes, Math.ceil(totalBytes / (rounds * concurrent)))
}
