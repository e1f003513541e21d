import { TransferError } from '../errors/index.ts'

/** https://www.alibabacloud.com/help/en/oss/user-guide/object-naming-conventions */
const maxKeyBytes = 1023

/**
 * A key has 1 to 1023 bytes; `.` and `..` between slashes are resolved by the HTTP client below ali-oss, before OSS sees them: the call would be for
 * another key, and fail as a wrong signature.
 * @throws job/unsupported
 */
export function requireAddressable(bucket: string, key: string): void {
  const bytes = Buffer.byteLength(key)
  if (bytes > maxKeyBytes) {
    const long = `a key of OSS has at most ${maxKeyBytes} bytes in UTF-8, not ${bytes}: ${key.slice(0, 60)}…`
    throw new TransferError('job/unsupported', long, { bucket, bytes })
  }
  if (!key.split('/').some((segment) => segment === '.' || segment === '..')) return
  const message = `oss://${bucket}/${key}: a key with "." or ".." between slashes cannot be reached; rename the object`
  throw new TransferError('job/unsupported', message, { bucket, key })
}

/** XML 1.0 has no place for these, and a carriage return comes out of it as a line feed: another key. */
export const fitsXml = (key: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  !/[\u0000-\u001f\ufffe\uffff]/.test(key)
