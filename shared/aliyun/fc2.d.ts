/** `@alicloud/fc2` 2.6.6 ships no types; this is what we call of it (fc-oss.md §6.1). */
declare module '@alicloud/fc2' {
  interface FcOptions {
    accessKeyID: string
    accessKeySecret: string
    securityToken?: string
    region: string
    endpoint?: string
    timeout?: number
    secure?: boolean
  }
  interface FcAnswer {
    headers: Record<string, string>
    data: Buffer | string | object
  }
  class FC {
    constructor(accountId: string, options: FcOptions)
    invokeFunction(
      serviceName: string,
      functionName: string,
      event: string | Buffer | null,
      headers?: Record<string, string>,
      qualifier?: string | null,
      options?: { rawBuf?: boolean },
    ): Promise<FcAnswer>
  }
  export = FC
}
