import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import type { Verbs } from '../main.ts'
import { bytesText } from '../output.ts'

export function addPut(program: Command, verbs: Verbs): void {
  program
    .command('put <file> <target>')
    .description('upload a file: put data.csv oss://bucket/in/data.csv')
    .addHelpText(
      'after',
      '\nThe bucket may be left out: oss:///in/data.csv is the bucket of the stack. A job with a matching trigger starts.',
    )
    .action((file: string, target: string) =>
      verbs.withSession(async ({ world }) => {
        const key = keyIn(target, world.store.bucket)
        let sent = 0
        const counted = async function* () {
          for await (const piece of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
            sent += piece.length
            verbs.output.progress(`${bytesText(sent)} sent`)
            yield piece
          }
        }
        const { etag, size } = await world.store.putStream(key, counted(), { signal: verbs.signal })
        const answer = { bucket: world.store.bucket, key, etag, size }
        verbs.output.answer(answer, () => `oss://${answer.bucket}/${key}  ${bytesText(size)}  etag ${etag}`)
        return 0
      }),
    )
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
