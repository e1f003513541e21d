import { createHash } from 'node:crypto'
import { hasHalfCharacter } from './half-character.ts'
import { RefusedValue } from './refused.ts'
import type { StepOf } from './step.ts'

/** NULL has the digest of the empty text. */
export function digest({ algorithm, letters }: StepOf<'digest'>, value: string | null): string {
  if (hasHalfCharacter(value ?? '')) throw new RefusedValue('a step before it cut a character in two')
  const hexadecimal = createHash(algorithm)
    .update(value ?? '', 'utf8')
    .digest('hex')
  return letters === 'upper' ? hexadecimal.toUpperCase() : hexadecimal
}
