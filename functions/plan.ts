import { handle } from '../shared/aliyun/handle.ts'
import { PlanEvent } from '../shared/run/events.ts'
import { planRun } from '../shared/run/plan-run.ts'
import { runStep } from '../shared/run/step.ts'

export const handler = handle(PlanEvent, (world, event, deadline) => runStep(world, event, deadline, planRun))
