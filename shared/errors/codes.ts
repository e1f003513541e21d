/**
 * Every way a run can go wrong, as a closed set: `<who>/<what>`. A code is part of the API: it is
 * never renamed, and `policy.ts` does not compile until a new one has a retry rule and advice.
 */
export const errorCodes = [
  // the user's job
  'job/syntax',
  'job/invalid',
  'job/unsupported',
  'job/no-adbpg-end',
  'job/unknown-datasource',
  'job/unknown-job',
  'job/literal-secret',
  'job/unknown-parameter',
  'job/secret-missing',
  // reaching a server, source or destination alike
  'connect/unreachable',
  'connect/refused-by-whitelist',
  'connect/wrong-credentials',
  'connect/permission-denied',
  'connect/too-many-connections',
  'connect/lost',
  // the source
  'source/bucket-missing',
  'source/object-missing',
  'source/object-changed',
  'source/no-objects',
  'source/empty',
  'source/table-missing',
  'source/column-missing',
  'source/unclosed-quote',
  'source/sql-failed',
  'source/unsplittable-deadline',
  // the destination
  'target/table-missing',
  'target/column-missing',
  'target/column-count',
  'target/bucket-missing',
  'target/object-exists',
  'target/sql-failed',
  'target/read-only',
  'target/busy',
  // records
  'record/column-count',
  'record/encoding',
  'record/nul-byte',
  'record/unclosed-quote',
  'record/format',
  'record/constraint',
  'record/too-large',
  'record/transform',
  'record/limit-exceeded',
  // runs and events
  'run/unknown',
  'run/counts-differ',
  'run/stopped',
  'run/snapshot-lost',
  'run/gave-up',
  'run/notice-refused',
  'run/overtime',
  'event/invalid',
  'event/too-large',
  'event/no-job',
  // the platform
  'platform/throttled',
  'platform/unavailable',
  'platform/function-missing',
  'platform/function-failed',
  'platform/deadline',
  'platform/misconfigured',
  'platform/stack-busy',
  'internal/bug',
] as const

export type ErrorCode = (typeof errorCodes)[number]
