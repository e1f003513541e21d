/** What s.yaml gives to a function; a test compares the two. `vcpu` is a decimal as text. */
export interface FunctionSize {
  readonly vcpu: string
  readonly memoryMb: number
}

const small: FunctionSize = { vcpu: '0.35', memoryMb: 512 }
const middle: FunctionSize = { vcpu: '0.5', memoryMb: 512 }

export const functionSizes = {
  start: small,
  object: small,
  tick: small,
  api: small,
  plan: middle,
  stage: middle,
  load: { vcpu: '0.25', memoryMb: 256 },
  finish: small,
} as const satisfies Record<string, FunctionSize>
export type SizedFunction = keyof typeof functionSizes
