import { handle } from '../shared/aliyun/handle.ts'
import { FinishEvent } from '../shared/run/events.ts'
import { finishRun } from '../shared/run/finish-run.ts'

export const handler = handle(FinishEvent, finishRun)
