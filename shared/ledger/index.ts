export * from './arrivals.ts'
export * from './chunks.ts'
export * from './cycles.ts'
export * from './dirty.ts'
export * from './dispatches.ts'
export * from './function-use.ts'
export { isDuplicate } from './insert-once.ts'
export * from './liveness.ts'
export { isMissing, migrate } from './migrate.ts'
export * from './notices.ts'
export * from './publications.ts'
export {
  ChunkCounts,
  type ChunkRow,
  ChunkSource,
  type FinishedRow,
  type PlanRow,
  PresentState,
  type PublishedRow,
  type RunListRow,
  type RunRow,
  type SliceProgress,
  TriggerFact,
} from './rows.ts'
export * from './runs.ts'
export * from './slices.ts'
export * from './slot-waits.ts'
export * from './troubles.ts'
export * from './watermarks.ts'
