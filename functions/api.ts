import { httpHandler } from '../shared/aliyun/http-handler.ts'

export const handler = httpHandler
