import type { AsyncQueue } from './async-queue.ts'
import type { FunctionDefinition } from './functions.ts'
import type { Outcome } from './instance.ts'
import type { Pool } from './pool.ts'
import type { FcServerOptions } from './server.ts'
import type { TaskStore } from './task-store.ts'

/** What the server is made of, for those who answer its requests. */
export interface Parts {
  readonly options: FcServerOptions
  readonly definitions: readonly FunctionDefinition[]
  readonly definitionOf: (name: string) => FunctionDefinition
  readonly poolOf: (name: string) => Pool
  readonly store: TaskStore
  readonly queue: AsyncQueue
  readonly onOutcome: (name: string, requestId: string, outcome: Outcome) => void
}
