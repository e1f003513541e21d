import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { convertScript, type ScriptForm, scriptFormOf, scriptForms } from '../../job/convert-script.ts'
import { faultText } from '../../job/fault.ts'
import { parseDatasourceFile, parseJobDocument } from '../../job/index.ts'
import { catalogue } from '../../run/jobs.ts'
import { addHelp } from '../help-text.ts'
import { nameOfFile } from '../job-argument.ts'
import type { Verbs } from '../main.ts'

export function addConvert(program: Command, verbs: Verbs): void {
  const verb = program
    .command('convert <file>')
    .description('print a script in another form: DataX, DataWorks, or a job document of adbpg-sync')
    .option('--to <form>', 'datax, dataworks or job; when absent, DataX becomes DataWorks and the others DataX', formOf)
    .option('--datasources <file>', 'JSON file of datasources by name, which tell the type of a step that has none')
    .action(async (file: string, options: { to?: ScriptForm; datasources?: string }) => {
      const known = await datasourcesOf(verbs, options.datasources)
      const parsed = parseJobDocument(await readText(file), nameOfFile(file))
      const findDatasource = async (name: string) => {
        const datasource = Object.hasOwn(known, name) ? known[name] : undefined
        return datasource === undefined ? null : { datasource, warnings: [] }
      }
      const { script, remarks } = await convertScript(parsed, options.to ?? null, { catalogue, findDatasource })
      for (const remark of remarks) verbs.output.note(faultText(remark))
      verbs.output.answer(script, () => JSON.stringify(script, null, 2))
    })
  addHelp(verb, { notes: ['What has no place in the other form is said on stderr. Comments are lost.'] })
}

function formOf(text: string): ScriptForm {
  const form = scriptFormOf(text)
  if (form !== null) return form
  throw new InvalidArgumentError(`It must be one of ${scriptForms.join(', ')}.`)
}

const readText = (file: string) =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TransferError('job/unknown-job', `cannot read ${file}: ${cause.code}`, { file }, { cause })
  })

/** Nothing is started for a conversion, so only what is at hand is looked at. */
async function datasourcesOf({ environment }: Verbs, file: string | undefined) {
  const given = environment.ADBPG_SYNC_DATASOURCES
  return {
    ...(given ? parseDatasourceFile(given, 'ADBPG_SYNC_DATASOURCES').datasources : {}),
    ...(file === undefined ? {} : parseDatasourceFile(await readText(file), file).datasources),
  }
}
