import type { OssClient } from './oss-client.ts'

/** Requests that OSS has answered well; others are not billed. */
export interface OssRequests {
  reads: number
  writes: number
}

interface Requesting {
  request(parameters: { readonly method: string; readonly object?: string }): Promise<unknown>
}

/**
 * Every call of ali-oss goes through its `request`, repeats of its own included. OSS bills in two classes: GET and HEAD of an
 * object, and all else; a list is of the second (https://help.aliyun.com/en/oss/api-operation-calling-fees).
 */
export function countRequests(client: OssClient, counts: OssRequests): void {
  const requesting = client as unknown as Requesting
  const request = requesting.request.bind(client)
  requesting.request = async (parameters) => {
    const answer = await request(parameters)
    const isRead = /^(GET|HEAD)$/.test(parameters.method) && (parameters.object ?? '') !== ''
    if (isRead) counts.reads += 1
    else counts.writes += 1
    return answer
  }
}
