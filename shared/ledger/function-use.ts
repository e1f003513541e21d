import * as z from 'zod'
import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { Count } from './rows.ts'
import type { Step } from './runs.ts'
import { statements } from './statements.ts'

/** One invocation of a function, at its end. */
export interface Invocation {
  readonly requestId: string
  readonly step: Step
  readonly milliseconds: number
  /** A decimal as text. */
  readonly vcpu: string
  readonly memoryMb: number
  readonly reads: number
  readonly writes: number
}

export async function insertFunctionUse(sql: Sql, runId: RunId, one: Invocation, now: Date): Promise<void> {
  const { requestId, step, milliseconds, vcpu, memoryMb, reads, writes } = one
  const values = [runId, requestId, now, step, milliseconds, vcpu, memoryMb, reads, writes]
  await sql.query(statements['insert-function-use'], values)
}

const UseRow = z
  .object({ invocations: Count, vcpu_ms: z.string(), memory_mb_ms: z.string(), reads: Count, writes: Count })
  .transform(({ vcpu_ms: vcpuMs, memory_mb_ms: memoryMbMs, ...counts }) => ({ ...counts, vcpuMs, memoryMbMs }))

/** Of all invocations that came to their end, those that failed or came twice among them. */
export async function sumFunctionUse(sql: Sql, runId: RunId): Promise<z.infer<typeof UseRow>> {
  const { rows } = await sql.query(statements['sum-function-use'], [runId])
  return UseRow.parse(rows[0])
}
