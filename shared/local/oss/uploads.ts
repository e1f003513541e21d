import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { removeSegments, Segment } from './object-files.ts'
import { noSuchUpload } from './refusal.ts'

const Part = z.object({ number: z.number().int(), segment: Segment, etag: z.string(), at: z.string() })
export type Part = z.infer<typeof Part>

export const Upload = z.object({
  id: z.string(),
  key: z.string(),
  contentType: z.string(),
  headers: z.record(z.string(), z.string()),
  startedAt: z.string(),
  parts: z.array(Part),
})
export type Upload = z.infer<typeof Upload>

/** Multipart uploads of a bucket: invisible to listings until completed, kept over a restart of the server. */
export interface Uploads {
  begin(key: string, facts: { contentType: string; headers: Readonly<Record<string, string>> }): Promise<Upload>
  /** @throws NoSuchUpload */
  get(id: string, key: string): Upload
  addPart(id: string, key: string, part: Part): Promise<void>
  /** Forgets the upload; its segments now belong to an object, or go with `abort`. */
  forget(id: string): Promise<void>
  abort(id: string, key: string): Promise<void>
  list(): readonly Upload[]
  segmentFiles(): string[]
}

export async function openUploads(bucketDir: string): Promise<Uploads> {
  const dir = join(bucketDir, 'uploads')
  const uploads = await readAll(dir)
  const path = (id: string) => join(dir, `${id}.json`)
  const writes = new Map<string, Promise<void>>()

  /** One after the other, so that of two parts that end together both are kept. */
  function save(upload: Upload): Promise<void> {
    const mine = (writes.get(upload.id) ?? Promise.resolve()).then(async () => {
      const draft = `${path(upload.id)}.${randomBytes(6).toString('hex')}`
      await mkdir(dir, { recursive: true })
      await writeFile(draft, JSON.stringify(upload))
      await rename(draft, path(upload.id))
    })
    writes.set(upload.id, mine)
    return mine
  }

  const find = (id: string, key: string): Upload => {
    const upload = uploads.get(id)
    if (upload === undefined || upload.key !== key) throw noSuchUpload()
    return upload
  }

  async function forget(id: string): Promise<void> {
    await writes.get(id)
    uploads.delete(id)
    writes.delete(id)
    await rm(path(id), { force: true })
  }

  return {
    async begin(key, facts) {
      const id = randomBytes(16).toString('hex').toUpperCase()
      const upload: Upload = {
        id,
        key,
        ...facts,
        headers: { ...facts.headers },
        startedAt: new Date().toISOString(),
        parts: [],
      }
      uploads.set(id, upload)
      await save(upload)
      return upload
    },
    get: find,
    async addPart(id, key, part) {
      const upload = find(id, key)
      const old = upload.parts.find(({ number }) => number === part.number)
      upload.parts = [...upload.parts.filter((other) => other !== old), part].sort((a, b) => a.number - b.number)
      await save(upload)
      if (old !== undefined) await removeSegments(bucketDir, [old.segment])
    },
    forget,
    async abort(id, key) {
      const upload = find(id, key)
      await forget(id)
      await removeSegments(
        bucketDir,
        upload.parts.map(({ segment }) => segment),
      )
    },
    list: () => [...uploads.values()],
    segmentFiles: () => [...uploads.values()].flatMap(({ parts }) => parts.map(({ segment }) => segment.file)),
  }
}

async function readAll(dir: string): Promise<Map<string, Upload>> {
  const uploads = new Map<string, Upload>()
  if (!existsSync(dir)) return uploads
  for (const file of await readdir(dir)) {
    if (!file.endsWith('.json')) await rm(join(dir, file), { force: true })
    else {
      const upload = Upload.parse(JSON.parse(await readFile(join(dir, file), 'utf8')))
      uploads.set(upload.id, upload)
    }
  }
  return uploads
}
