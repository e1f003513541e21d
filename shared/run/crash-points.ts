/**
 * The places between two durable steps where a process may die (design §10). A use case calls `world.reach(point)` there;
 * nothing happens unless `ADBPG_SYNC_CRASH_FILE` names a file that holds the point, which is how the tests kill a function.
 */
export const crashPoints = [
  'start/after-run-row',
  'plan/after-rows',
  'stage/mid-object',
  'stage/after-part',
  'stage/after-object',
  'stage/after-ledger-row',
  'load/mid-copy',
  'load/after-copy',
  'load/between-commits',
  'load/after-commit',
  'finish/before-publish',
  'finish/in-publication',
  'finish/between-commits',
  'finish/after-publish',
  'finish/before-next',
  'finish/before-clean-up',
] as const

export type CrashPoint = (typeof crashPoints)[number]
