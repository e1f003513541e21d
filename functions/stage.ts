import { handle } from '../shared/aliyun/handle.ts'
import { StageEvent } from '../shared/run/events.ts'
import { stageSlice } from '../shared/run/stage-slice.ts'
import { runStep } from '../shared/run/step.ts'

export const handler = handle(StageEvent, (world, event, deadline) => runStep(world, event, deadline, stageSlice))
