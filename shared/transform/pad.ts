import type { StepOf } from './step.ts'

/** NULL is padded as the empty text is. What is too long keeps its beginning, whichever the side. */
export function pad({ side, length, with: text }: StepOf<'pad'>, value: string | null): string {
  const given = value ?? ''
  if (length <= given.length) return given.slice(0, length)
  return side === 'left' ? given.padStart(length, text) : given.padEnd(length, text)
}
