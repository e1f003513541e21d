import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { faultText } from '../../job/fault.ts'
import { checkJobText, refuseOtherName } from '../../run/stored-jobs.ts'
import { isJobKey, nameOfJobKey } from '../../staging/keys.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import type { Verbs } from '../main.ts'
import { bytesText } from '../output.ts'
import { readText } from '../read-text.ts'
import type { Session } from '../session.ts'
import { tellIfStackStops } from './follow.ts'

export function addPut(program: Command, verbs: Verbs): void {
  const verb = program
    .command('put <file> <target>')
    .description('upload a file: put data.csv oss://bucket/in/data.csv')
    .action((file: string, target: string) =>
      verbs.withSession(async (session) => {
        const { world } = session
        const key = keyIn(target, world.store.bucket)
        const warnings = isJobKey(key) ? await checkJob(verbs, session, file, key) : []
        const body = readFile(file, (sent) => verbs.output.progress(`${bytesText(sent)} sent`))
        const { etag, size } = await world.store.putStream(key, body, { signal: verbs.signal })
        tellIfStackStops(verbs.output, session)
        const answer = { bucket: world.store.bucket, key, etag, size, ...(isJobKey(key) ? { warnings } : {}) }
        verbs.output.answer(answer, () =>
          wrapped(`oss://${answer.bucket}/${key}  ${bytesText(size)}  etag ${etag}`, verbs.output.width(), 2),
        )
        return 0
      }),
    )
  addHelp(verb, {
    notes: [
      'The bucket may be left out: oss:///in/data.csv is the bucket of the stack. A job with a matching trigger starts. A job document under jobs/ is checked before it is stored.',
    ],
  })
}

/** A broken document would be found by its triggers, or never. @throws job/* with all its faults */
async function checkJob({ output }: Verbs, { world }: Session, file: string, key: string): Promise<string[]> {
  const name = nameOfJobKey(key)
  const { parsed, warnings } = await checkJobText(world, await readText(file), name)
  refuseOtherName(parsed.document.name, name)
  for (const warning of warnings) output.note(`warning: ${faultText(warning)}`)
  return warnings.map(faultText)
}

/** @throws usage/invalid for a file that cannot be read */
async function* readFile(file: string, onProgress: (sent: number) => void): AsyncIterable<Buffer> {
  let sent = 0
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      sent += piece.length
      onProgress(sent)
      yield piece
    }
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : cause
    throw new TransferError('usage/invalid', `cannot read ${file}: ${reason}`, { file }, { cause })
  }
}

/** Only the bucket of the stack: other buckets have keys of their own, and tools of their own. */
function keyIn(target: string, bucket: string): string {
  const found = /^oss:\/\/([^/]*)\/(.+)$/.exec(target)
  const [, named = '', key = ''] = found ?? []
  if (found === null)
    throw new TransferError('usage/invalid', `the target must look like oss://${bucket}/in/file.csv, got ${target}`)
  if (named !== '' && named !== bucket) {
    throw new TransferError('usage/invalid', `put writes to bucket ${bucket} only, got ${named}`, { bucket: named })
  }
  return key
}
