import type { JsonSchema } from './connector-options.ts'

const number = (description: string, more: JsonSchema = {}): JsonSchema => ({
  type: ['number', 'string', 'null'],
  description,
  ...more,
})
const flag = (description: string): JsonSchema => ({ type: ['boolean', 'string', 'null'], description, default: false })
const ignored = (description: string): JsonSchema => ({ description, deprecated: true })

/** `setting` of either form (job/settings.ts). */
export const settingSchema: JsonSchema = {
  type: ['object', 'null'],
  properties: {
    speed: {
      type: ['object', 'null'],
      properties: {
        channel: number('DataX: slices read, and chunks loaded, at the same time.', { default: 3, examples: [4] }),
        concurrent: number('DataWorks: slices read, and chunks loaded, at the same time.', {
          default: 3,
          examples: [4],
        }),
        throttle: flag('DataWorks: whether mbps counts.'),
        mbps: number('DataWorks: MB a second of the whole job, beside throttle.', { examples: [10] }),
        byte: number('DataX: bytes a second of the whole job; -1 for no cap.'),
        record: number('DataX: records a second of the whole job; -1 for no cap.'),
        dmu: ignored('A unit of the bill of DataWorks.'),
        jvmOption: ignored('Of the engine of DataX.'),
      },
      additionalProperties: false,
    },
    errorLimit: {
      type: ['object', 'null'],
      description: 'How many dirty records a run may have. They are kept and shown in any case.',
      properties: {
        record: number('More dirty records end the run; unset or "": any number.', { examples: [0] }),
        percentage: number('More dirty records of those that were read end the run, from 0 to 1.'),
        strategy: {
          enum: ['Ignore', 'Tolerance', 'ZeroTolerance', '', null],
          description: 'DataWorks: what record means.',
        },
      },
      additionalProperties: false,
    },
    common: ignored('Dates and times are taken as the server reads and writes them.'),
    dryRun: flag('Refused when true: adbpg-sync plan shows what a run would do.'),
    executeMode: ignored('Work is always distributed over functions.'),
    failoverEnable: ignored('A piece that failed is always sent again.'),
    jvmOption: ignored('Of the engine of DataX.'),
    jvmMemory: ignored('Of the engine of DataX.'),
    dataxSetting: { description: 'Another name of setting, which some scripts have within it.' },
  },
  additionalProperties: false,
}
