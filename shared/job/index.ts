export {
  ErrorLimit,
  JobDocument,
  JobEnd,
  JobSpec,
  type ObjectTrigger,
  type ScheduleTrigger,
  Trigger,
} from './document.ts'
export { JobName, RunId, RunKey, runIdOf, runKeyOfClient, runKeyOfObject, runKeyOfSchedule, taskId } from './ids.ts'
