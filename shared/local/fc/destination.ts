import type { FunctionDefinition } from './functions.ts'
import type { Outcome } from './instance.ts'
import type { Task } from './task-store.ts'

export type End = 'Succeeded' | 'Failed' | 'Expired'

const conditions: Readonly<Record<End, string>> = {
  Succeeded: 'Success',
  Failed: 'RetriesExhausted',
  Expired: 'EventAgeExceeded',
}

/** Who is told of the end of a task; null when nobody is. */
export function destinationOf({ asyncInvokeConfig }: FunctionDefinition, status: End): string | null {
  const { onSuccess, onFailure } = asyncInvokeConfig.destinationConfig
  return (status === 'Succeeded' ? onSuccess : onFailure)?.destination ?? null
}

/** What a destination function gets (fc-oss.md §3.3). */
export function destinationEvent(task: Task, status: End, outcome: Outcome | null, functionArn: string): Buffer {
  const event = {
    timestamp: Date.now(),
    requestContext: {
      requestId: task.requestId,
      functionArn,
      condition: conditions[status],
      approximateInvokeCount: task.attempts,
    },
    requestPayload: jsonOrText(Buffer.from(task.payload, 'base64').toString('utf8')),
    responseContext: { statusCode: 200, functionError: outcome?.errorType ?? null },
    responsePayload: outcome === null ? null : jsonOrText(outcome.body.toString('utf8')),
  }
  return Buffer.from(JSON.stringify(event))
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
