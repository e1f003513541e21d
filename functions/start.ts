import { handle } from '../shared/aliyun/handle.ts'
import { StartEvent } from '../shared/run/events.ts'
import { startJob } from '../shared/run/start-job.ts'

export const handler = handle(StartEvent, startJob)
