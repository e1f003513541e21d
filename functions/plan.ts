import * as z from 'zod'
import { handle } from '../shared/aliyun/handle.ts'
import { DoctorEvent, examine } from '../shared/doctor/examine.ts'
import { PlanEvent } from '../shared/run/events.ts'
import { planRun } from '../shared/run/plan-run.ts'
import { runStep } from '../shared/run/step.ts'

export const handler = handle(z.union([PlanEvent, DoctorEvent]), async (world, event, deadline) =>
  'doctor' in event ? await examine(world, event, deadline) : await runStep(world, event, deadline, planRun),
)
