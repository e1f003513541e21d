import { findReader, findWriter, kindOf, knownKinds } from '../../shared/connectors/find-connector.ts'
import { type Fault, faultText } from '../../shared/job/fault.ts'
import { type Catalogue, checkJob, type JobSpec, parseDatasource, readJobDocument } from '../../shared/job/index.ts'
import { runDatesOf } from '../../shared/schedule/index.ts'

/** The real connectors: a script is valid when they say so. */
export const catalogue: Catalogue = {
  async find(role, name) {
    const kind = kindOf(role, name)
    if (kind === null) return null
    return role === 'reader' ? await findReader(kind) : await findWriter(kind)
  },
  known: knownKinds,
}

const database = { host: '127.0.0.1', username: 'postgres', password: 'env:ADBPG_LOCAL_PASSWORD' }
const definitions = new Map<string, unknown>([
  ['adbpg_local', { type: 'adbpg', ...database, database: 'adbpg' }],
  ['my_local', { type: 'mysql', ...database, database: 'shop', timeZone: 'Asia/Shanghai' }],
  ['pg_local', { type: 'postgresql', ...database, database: 'source' }],
  [
    'oss_local',
    {
      type: 'oss',
      endpoint: 'http://127.0.0.1:9000',
      bucket: 'local',
      accessId: 'local',
      accessKey: 'env:OSS_LOCAL_SECRET',
    },
  ],
])

export const findDatasource = async (name: string) =>
  definitions.has(name) ? parseDatasource(definitions.get(name), name) : null

export interface CheckedText {
  readonly spec: JobSpec | null
  readonly faults: readonly Fault[]
  /** All that a person may get to see of the job. */
  readonly printed: string
}

/** A text all the way to a specification, as the command line does it. */
export async function checkText(text: string, parameters: Readonly<Record<string, string>> = {}): Promise<CheckedText> {
  const { parsed, faults } = readJobDocument(text, 'golden')
  if (parsed === null) return { spec: null, faults, printed: faults.map(faultText).join('\n') }
  const { spec, faults: all } = await checkJob(parsed, {
    catalogue,
    parameters,
    dates: runDatesOf(new Date('2026-11-23T21:00:00Z'), 'Asia/Shanghai'),
    findDatasource,
    datasourceNames: async () => [...definitions.keys()],
    hoistSecret: null,
  })
  return { spec, faults: all, printed: [...all.map(faultText), JSON.stringify(spec)].join('\n') }
}
