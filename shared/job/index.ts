export { type Connection, connectionOf, Datasource, DatasourceFile } from './datasource.ts'
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
export { builtInParameters, type ParameterTrigger } from './parameters.ts'
export { type ParsedDocument, parseJobDocument } from './parse-document.ts'
export { type Catalogue, type Resolution, resolveJob } from './resolve-job.ts'
