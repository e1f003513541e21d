export { type Connection, connectionOf, Datasource, DatasourceFile, parseDatasourceFile } from './datasource.ts'
export {
  ErrorLimit,
  JobDocument,
  JobEnd,
  JobSpec,
  type ObjectTrigger,
  type ScheduleTrigger,
  Trigger,
} from './document.ts'
export { type Fault, pathText } from './fault.ts'
export { JobName, RunId, RunKey, runIdOf, runKeyOfClient, runKeyOfObject, runKeyOfSchedule, taskId } from './ids.ts'
export { builtInParameters, type ParameterTrigger } from './parameters.ts'
export { type ParsedDocument, parseJobDocument, type ReadDocument, readJobDocument } from './parse-document.ts'
export { type Catalogue, type CheckedJob, checkJob, type Resolution, resolveJob } from './resolve-job.ts'
