import { handle } from '../shared/aliyun/handle.ts'
import { LoadEvent } from '../shared/run/events.ts'
import { loadChunk } from '../shared/run/load-chunk.ts'
import { runStep } from '../shared/run/step.ts'

export const handler = handle(LoadEvent, (world, event, deadline) => runStep(world, event, deadline, loadChunk))
