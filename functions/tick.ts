import { handle } from '../shared/aliyun/handle.ts'
import { TickEvent } from '../shared/run/events.ts'
import { tick } from '../shared/run/tick.ts'

export const handler = handle(TickEvent, tick)
