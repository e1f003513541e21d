import { worthwhileBytes } from '../../plan/gather-slices.ts'

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
