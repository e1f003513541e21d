/** Which generation of the API a caller speaks: paths, error shapes and signatures differ (fc-oss.md §3.1, §3.5). */
export type Family = '2016-08-15' | '2023-03-30'

export class FcRefusal extends Error {
  override readonly name = 'FcRefusal'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }

  bodyFor(family: Family, requestId: string): string {
    const old = { ErrorCode: this.code, ErrorMessage: this.message }
    const current = { RequestId: requestId, Code: this.code, Message: this.message }
    return JSON.stringify(family === '2016-08-15' ? old : current)
  }
}

export const functionNotFound = (name: string) =>
  new FcRefusal(404, 'FunctionNotFound', `function ${name} does not exist`)
export const exhausted = () =>
  new FcRefusal(
    429,
    'ResourceExhausted',
    'Your request is throttled because the concurrency of the function is used up',
  )
