import type { Command } from 'commander'
import { bareKey } from '../bare-key.ts'
import { wrapped } from '../fit.ts'
import type { Verbs } from '../main.ts'
import { bytesText } from '../output.ts'
import { countUpTo } from '../parse-count.ts'

export function addLs(program: Command, verbs: Verbs): void {
  program
    .command('ls [prefix]')
    .description('list objects of the bucket: jobs/, datasources/, in/, stage/, dirty/, …')
    .option('--limit <n>', 'at most so many objects', countUpTo(1_000_000), 1000)
    .action((prefix: string | undefined, { limit }: { limit: number }) =>
      verbs.withSession(async ({ world }) => {
        const objects: { key: string; size: number; etag: string; lastModified: string }[] = []
        for await (const { key, size, etag, lastModified } of world.store.list(
          bareKey(prefix ?? '', world.store.bucket),
        )) {
          objects.push({ key, size, etag, lastModified: lastModified.toISOString() })
          if (objects.length === limit) break
        }
        const lines = () =>
          objects.map((object) => `${object.lastModified}  ${bytesText(object.size).padStart(10)}  ${object.key}`)
        verbs.output.answer(objects, () =>
          objects.length === 0 ? 'nothing here' : wrapped(lines().join('\n'), verbs.output.width(), 4),
        )
        return 0
      }),
    )
}
