export { type Connection, connectionOf, type Datasource, DatasourceName } from './datasource.ts'
export { Gather, JobDocument, JobSpec, type ObjectTrigger, policyOf } from './document.ts'
export { pathText } from './fault.ts'
export {
  JobName,
  RunId,
  RunKey,
  runIdOf,
  runKeyOfBackfill,
  runKeyOfClient,
  runKeyOfGathering,
  runKeyOfObject,
  runKeyOfSchedule,
  taskId,
} from './ids.ts'
export { type ParameterTrigger, triggerParameters } from './parameters.ts'
export { type ParsedDocument, parseJobDocument, type ReadDocument, readJobDocument } from './parse-document.ts'
export {
  parseDatasource,
  parseDatasourceFile,
  parseDatasourceText,
  readDatasource,
  requireText,
} from './read-datasource.ts'
export {
  type Catalogue,
  type CheckedJob,
  checkJob,
  type Resolution,
  type ResolvedJob,
  resolveJob,
} from './resolve-job.ts'
export { cronOf, SchedulePolicy, type ScheduleTrigger, zoneOf } from './schedule-shape.ts'
