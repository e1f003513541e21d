import type { Command } from 'commander'
import { askPlan } from '../../doctor/diagnose.ts'
import { TransferError } from '../../errors/index.ts'
import { type Fault, faultText } from '../../job/fault.ts'
import { requireText } from '../../job/index.ts'
import { isScriptObject } from '../../job/members.ts'
import { isReference } from '../../job/secret-reference.ts'
import {
  type ListedDatasource,
  listDatasources,
  readDatasourceNamed,
  removeDatasource,
  saveDatasource,
} from '../../run/datasources.ts'
import { loadDatedJobs } from '../../run/jobs.ts'
import { fittedTable } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { readText } from '../read-text.ts'
import type { Session } from '../session.ts'
import { forgetSecrets, keepSecrets } from '../vault.ts'
import { exitCodeOf, findingsText } from './doctor.ts'

const help = {
  examples: [
    [
      'datasource add dw --type adbpg --host gp-1.gpdb.rds.aliyuncs.com --database dw --username loader --password kms:dw',
      'a secret of KMS',
    ],
    [
      'datasource add crm --type mysql --url jdbc:mysql://10.0.0.5/crm --username reader --password-stdin < secret.txt',
      'a local secret: sealed in the vault of this machine',
    ],
    [
      'datasource add files --type oss --endpoint https://oss-cn-hangzhou-internal.aliyuncs.com --bucket b',
      'a bucket, with the keys of the role of the functions',
    ],
    ['datasource add old --file exported-from-dataworks.json', 'as DataWorks names the properties'],
  ],
  notes: ['A secret is never an argument: give env:NAME, kms:NAME or kms:NAME#member, or pipe it in.'],
} as const

export function addDatasource(program: Command, verbs: Verbs): void {
  const datasource = program
    .command('datasource')
    .description('register, show, list and remove the named connections that jobs use')
  addHelp(datasource, help)
  addAdd(datasource, verbs)
  datasource
    .command('list')
    .description('the datasources there are, with their addresses')
    .action(() => verbs.withSession((session) => list(verbs, session)))
  datasource
    .command('show <name>')
    .description('one datasource as it is kept: secrets are references')
    .action((name: string) => verbs.withSession((session) => show(verbs, session, name)))
  datasource
    .command('test <name>')
    .description('name, way, whitelist, TLS and login of a datasource, looked at by the function that would use it')
    .action((name: string) => verbs.withSession((session) => test(verbs, session, name)))
  datasource
    .command('remove <name>')
    .description('forget a datasource, and the secrets that the vault of this machine keeps for it')
    .action((name: string) => verbs.withSession((session) => remove(verbs, session, name)))
}

/** Options by the property they set. */
const propertyOptions = {
  type: 'type of the datasource: adbpg, postgresql, mysql, oss …',
  host: 'host name or address of a database',
  port: 'its port',
  database: 'its database',
  username: 'its user',
  ssl: 'disable, require or verify-full',
  maxConnections: 'connections to the database that all runs together may have at a time',
  url: 'JDBC address in the place of host, port and database',
  endpoint: 'endpoint of OSS',
  region: 'region of OSS, where the endpoint does not tell it',
  bucket: 'bucket of OSS',
  accessId: 'access key id of OSS; without keys, those of the role of the functions',
} as const

interface AddOptions extends Partial<Record<keyof typeof propertyOptions, string>> {
  readonly password?: string
  readonly accessKey?: string
  readonly passwordStdin?: boolean
  readonly accessKeyStdin?: boolean
  readonly file?: string
  readonly replace?: boolean
}

const flagOf = (name: string) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

function addAdd(datasource: Command, verbs: Verbs): void {
  const add = datasource.command('add <name>').description('register a datasource in the configuration bucket')
  for (const [name, text] of Object.entries(propertyOptions)) add.option(`${flagOf(name)} <text>`, text)
  add
    .option('--password <reference>', 'env:NAME, kms:NAME or vault:NAME')
    .option('--password-stdin', 'read the password from standard input, and seal it in the vault of this machine')
    .option('--access-key <reference>', 'env:NAME, kms:NAME or vault:NAME')
    .option('--access-key-stdin', 'read the secret of the access key from standard input, and seal it likewise')
    .option('--file <file>', 'JSON of the properties, our own or those of DataWorks; - for standard input')
    .option('--replace', 'put it in the place of one that is there')
    .action((name: string, options: AddOptions) =>
      verbs.withSession(async (session) => await addOne(verbs, session, name, options)),
    )
  addHelp(add, help)
}

async function addOne(verbs: Verbs, session: Session, name: string, options: AddOptions): Promise<ExitCode> {
  const { definition, place } = await definitionOf(verbs, session, options)
  const kept = await keepSecrets(definition, placeOf(name), session.vault)
  const replace = options.replace === true
  const { datasource, warnings } = await saveDatasource(session.world, name, kept, { replace, place })
  for (const warning of warnings) verbs.output.note(`warning: ${faultText(warning)}`)
  verbs.output.answer(
    { name, definition: datasource },
    () => `datasource ${name} is registered; adbpg-sync datasource test ${name}`,
  )
  return 0
}

/** In the vault. */
const placeOf = (name: string) => `datasources_${name}`

interface Definition {
  readonly definition: unknown
  /** Adds line and column of the file to what stands in it. */
  readonly place: (fault: Fault) => Fault
}

async function definitionOf(verbs: Verbs, session: Session, options: AddOptions): Promise<Definition> {
  const given = Object.keys(propertyOptions).flatMap((name) => {
    const value = options[name as keyof typeof propertyOptions]
    return value === undefined ? [] : [[name, value] as const]
  })
  const secrets = await secretsOf(verbs, session, options)
  const own = { ...Object.fromEntries(given), ...secrets }
  if (options.file === undefined) return { definition: own, place: (fault) => fault }
  const from = options.file === '-' ? 'standard input' : options.file
  const { value, place } = requireText(
    options.file === '-' ? await verbs.readStdin() : await readText(options.file),
    from,
  )
  if (isScriptObject(value)) return { definition: { ...value, ...own }, place }
  throw new TransferError('job/invalid', `${from} must hold one object of properties`, { file: from })
}

/** What stands on a command line is seen by every process of the machine and kept in the history of the shell. */
async function secretsOf(verbs: Verbs, session: Session, options: AddOptions): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {}
  for (const name of ['password', 'accessKey'] as const) {
    const reference = options[name]
    const isPiped = options[`${name}Stdin`] === true
    if (reference !== undefined && !isReference(reference)) throw literal(name)
    if (reference !== undefined) secrets[name] = reference
    if (isPiped && session.vault === null) throw noVault(name)
    if (isPiped) secrets[name] = (await verbs.readStdin()).replace(/\r?\n$/, '')
    if (secrets[name] === '') throw new TransferError('usage/invalid', `standard input holds no ${name}`, { name })
  }
  return secrets
}

const literal = (name: string) =>
  new TransferError(
    'job/literal-secret',
    `${flagOf(name)} takes a reference; pipe the secret itself into ${flagOf(`${name}Stdin`)}`,
  )

const noVault = (name: string) =>
  new TransferError(
    'job/literal-secret',
    `a deployment has no vault; put the secret into KMS or into a variable of the functions, and give ${flagOf(name)} kms:NAME or env:NAME`,
  )

async function list({ output }: Verbs, { world }: Session): Promise<ExitCode> {
  const datasources = await listDatasources(world)
  output.answer(datasources, () =>
    datasources.length === 0 ? 'no datasources yet' : tableOf(datasources, output.width()),
  )
  return 0
}

function tableOf(datasources: readonly ListedDatasource[], width: number): string {
  const rows = datasources.map((one) =>
    'definition' in one
      ? [one.name, one.definition.type, ...addressOf(one.definition), one.from]
      : [one.name, '?', one.error.message, '', one.from],
  )
  return fittedTable(['name', 'type', 'address', 'account', 'from'], rows, width)
}

function addressOf(definition: Extract<ListedDatasource, { definition: unknown }>['definition']): [string, string] {
  if (definition.type === 'oss') {
    const { endpoint, bucket, accessId = 'role of the function' } = definition
    return [`${endpoint} ${bucket}`, accessId]
  }
  const { host, port, database, username } = definition
  return [`${host}:${port}/${database}`, username]
}

async function show({ output }: Verbs, { world }: Session, name: string): Promise<ExitCode> {
  const { datasource, warnings } = await readDatasourceNamed(world, name)
  for (const warning of warnings) output.note(`warning: ${faultText(warning)}`)
  output.answer({ name, definition: datasource }, () => JSON.stringify(datasource, null, 2))
  return 0
}

async function test({ output }: Verbs, { world }: Session, name: string): Promise<ExitCode> {
  const { datasource: definition } = await readDatasourceNamed(world, name)
  const findings = await askPlan(world, { what: 'datasource', name, definition })
  output.answer(findings, () => findingsText(findings, output.width()))
  return exitCodeOf(findings)
}

async function remove({ output }: Verbs, session: Session, name: string): Promise<ExitCode> {
  const removed = await removeDatasource(session.world, name)
  await forgetSecrets(Object.values(removed ?? {}).map(String), placeOf(name), session.vault)
  const jobs = await jobsNaming(session, name)
  if (jobs.length > 0) output.note(`warning: jobs that name it: ${jobs.join(', ')}`)
  output.answer({ name, jobs }, () => `datasource ${name} is removed`)
  return 0
}

async function jobsNaming({ world }: Session, name: string): Promise<string[]> {
  const jobs = await loadDatedJobs(world)
  return jobs
    .filter(({ job }) => JSON.stringify(job.script).includes(`"datasource":"${name}"`))
    .map(({ job }) => job.name)
}
