import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { convertScript } from '../../job/convert-script.ts'
import { parseJobDocument } from '../../job/index.ts'
import type { Verbs } from '../main.ts'

export function addConvert(program: Command, verbs: Verbs): void {
  program
    .command('convert <file>')
    .description('print a script in the other format: DataX as DataWorks, DataWorks as DataX')
    .option('--to <format>', 'datax or dataworks; the other one when absent')
    .action(async (file: string, options: { to?: string }) => {
      const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw new TransferError('job/unknown-job', `cannot read ${file}: ${cause.code}`, { file }, { cause })
      })
      const { document, scriptPath, place } = parseJobDocument(text, 'converted')
      const script = convertScript(document.script, options.to ?? null, scriptPath, place)
      verbs.output.answer(script, () => JSON.stringify(script, null, 2))
    })
}
