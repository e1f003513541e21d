import { escapeXml } from './xml.ts'

/** An answer of the protocol that is not a success: what a client's SDK turns into its error. */
export class OssRefusal extends Error {
  override readonly name = 'OssRefusal'
  readonly status: number
  readonly code: string
  readonly ec: string

  constructor(status: number, code: string, message: string, ec = '0000-00000000') {
    super(message)
    this.status = status
    this.code = code
    this.ec = ec
  }

  toXml(requestId: string, host: string): string {
    const fields = { Code: this.code, Message: this.message, RequestId: requestId, HostId: host, EC: this.ec }
    const inner = Object.entries(fields).map(([name, value]) => `  <${name}>${escapeXml(value)}</${name}>`)
    return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n${inner.join('\n')}\n</Error>`
  }
}

export const noSuchKey = () => new OssRefusal(404, 'NoSuchKey', 'The specified key does not exist.', '0026-00000001')
export const noSuchBucket = () =>
  new OssRefusal(404, 'NoSuchBucket', 'The specified bucket does not exist.', '0015-00000101')
export const noSuchUpload = () => new OssRefusal(404, 'NoSuchUpload', 'The specified upload does not exist.')
export const alreadyExists = () =>
  new OssRefusal(
    409,
    'FileAlreadyExists',
    'The object you specified already exists and can not be overwritten.',
    '0026-00000002',
  )
export const invalidArgument = (message: string) => new OssRefusal(400, 'InvalidArgument', message)
export const notImplemented = (what: string) =>
  new OssRefusal(501, 'NotImplemented', `The local server does not implement ${what}.`)
