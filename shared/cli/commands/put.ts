import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { faultText } from '../../job/fault.ts'
import { checkJobText, refuseOtherName } from '../../run/stored-jobs.ts'
import { jobPrefix } from '../../staging/keys.ts'
import type { Verbs } from '../main.ts'
import { bytesText } from '../output.ts'
import { readText } from '../read-text.ts'
import type { Session } from '../session.ts'
import { tellIfStackStops } from './follow.ts'

export function addPut(program: Command, verbs: Verbs): void {
  program
    .command('put <file> <target>')
    .description('upload a file: put data.csv oss://bucket/in/data.csv')
    .addHelpText(
      'after',
      '\nThe bucket may be left out: oss:///in/data.csv is the bucket of the stack. A job with a matching trigger starts.\nWhat goes under jobs/ is checked first, as by `job add`.',
    )
    .action((file: string, target: string) =>
      verbs.withSession(async (session) => {
        const { world } = session
        const key = keyIn(target, world.store.bucket)
        if (key.startsWith(jobPrefix)) await checkJob(verbs, session, file, key)
        const body = readFile(file, (sent) => verbs.output.progress(`${bytesText(sent)} sent`))
        const { etag, size } = await world.store.putStream(key, body, { signal: verbs.signal })
        tellIfStackStops(verbs.output, session)
        const answer = { bucket: world.store.bucket, key, etag, size }
        verbs.output.answer(answer, () => `oss://${answer.bucket}/${key}  ${bytesText(size)}  etag ${etag}`)
        return 0
      }),
    )
}

/** A broken document would be found by its triggers, or never. @throws job/* with all its faults */
async function checkJob({ output }: Verbs, { world }: Session, file: string, key: string): Promise<void> {
  const name = key.slice(jobPrefix.length).replace(/\.json$/, '')
  const { parsed, warnings } = await checkJobText(world, await readText(file), name)
  refuseOtherName(parsed.document.name, name)
  for (const warning of warnings) output.note(`warning: ${faultText(warning)}`)
}

/** @throws job/invalid for a file that cannot be read */
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
    throw new TransferError('job/invalid', `cannot read ${file}: ${reason}`, { file }, { cause })
  }
}

/** Only the bucket of the stack: other buckets have keys of their own, and tools of their own. */
function keyIn(target: string, bucket: string): string {
  const found = /^oss:\/\/([^/]*)\/(.+)$/.exec(target)
  const [, named = '', key = ''] = found ?? []
  if (found === null)
    throw new TransferError('job/invalid', `the target must look like oss://${bucket}/in/file.csv, got ${target}`)
  if (named !== '' && named !== bucket) {
    throw new TransferError('job/invalid', `put writes to bucket ${bucket} only, got ${named}`, { bucket: named })
  }
  return key
}
