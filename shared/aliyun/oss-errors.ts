import { type ErrorCode, type ErrorContext, TransferError } from '../errors/index.ts'

/** What ali-oss attaches to an error: `code` is missing where it did not read the body (fc-oss.md §7.3). */
interface SdkError {
  readonly code?: string
  readonly status?: number
  readonly requestId?: string
  readonly message: string
}

const byCode: Readonly<Record<string, ErrorCode>> = {
  NoSuchBucket: 'source/bucket-missing',
  NoSuchKey: 'source/object-missing',
  NoSuchUpload: 'source/object-missing',
  PreconditionFailed: 'source/object-changed',
  FileAlreadyExists: 'target/object-exists',
  InvalidAccessKeyId: 'connect/wrong-credentials',
  SignatureDoesNotMatch: 'connect/wrong-credentials',
  InvalidSecurityToken: 'connect/wrong-credentials',
  SecurityTokenExpired: 'connect/wrong-credentials',
  AccessDenied: 'connect/permission-denied',
  ConnectionTimeoutError: 'connect/unreachable',
  ECONNREFUSED: 'connect/unreachable',
  ENOTFOUND: 'connect/unreachable',
  EAI_AGAIN: 'connect/unreachable',
  ECONNRESET: 'connect/lost',
  EPIPE: 'connect/lost',
  ResponseTimeoutError: 'connect/lost',
  ResponseError: 'connect/lost',
  ETIMEDOUT: 'connect/unreachable',
  EHOSTUNREACH: 'connect/unreachable',
  ENETUNREACH: 'connect/unreachable',
  ERR_STREAM_PREMATURE_CLOSE: 'connect/lost',
  RequestTimeout: 'connect/lost',
  InvalidDigest: 'connect/lost',
  InvalidBucketName: 'source/bucket-missing',
  SlowDown: 'platform/throttled',
  QpsLimitExceeded: 'platform/throttled',
}

const byStatus: Readonly<Record<number, ErrorCode>> = {
  429: 'platform/throttled',
  403: 'connect/permission-denied',
  404: 'source/object-missing',
  409: 'target/object-exists',
  412: 'source/object-changed',
}

/** The request id is kept: it is what the support of the cloud asks for first. */
export function asOssError(thrown: unknown, place: ErrorContext): TransferError {
  if (thrown instanceof TransferError) return thrown
  const error: SdkError = thrown instanceof Error ? (thrown as Error & SdkError) : { message: String(thrown) }
  const requestId = error.requestId === undefined ? {} : { requestId: error.requestId }
  const ossCode = error.code === undefined ? {} : { ossCode: error.code }
  return new TransferError(
    codeOf(error),
    messageOf(error, place),
    { ...place, ...requestId, ...ossCode },
    { cause: thrown },
  )
}

function codeOf({ code, status = 0, message }: SdkError): ErrorCode {
  const known = byCode[code ?? ''] ?? byStatus[status]
  if (known !== undefined) return known
  if (status >= 500) return 'platform/unavailable'
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|connect timeout/i.test(message)) return 'connect/unreachable'
  if (/ECONNRESET|aborted|socket hang up|premature close|timeout/i.test(message)) return 'connect/lost'
  // ali-oss gives −1 and −2 where there was no answer; a refusal that no name above covers is a call that we got wrong.
  return status < 0 ? 'connect/unreachable' : 'internal/bug'
}

/** Messages of OSS hold codes and names, never data; a signed URL could be in those of the HTTP client. */
function messageOf({ message, code }: SdkError, place: ErrorContext): string {
  const where = place.key === undefined ? `bucket ${place.bucket}` : `oss://${place.bucket}/${place.key}`
  return `${where}: ${code ?? 'error'}: ${message.replaceAll(/https?:\/\/\S+/g, '<url>')}`
}
