import { handle } from '../shared/aliyun/handle.ts'
import { OssEvent } from '../shared/run/events.ts'
import { objectArrived } from '../shared/run/object-arrived.ts'

export const handler = handle(OssEvent, objectArrived)
