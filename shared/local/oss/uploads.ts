import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { type InTurn, inTurnPerKey } from './in-turn.ts'
import { removeSegments, Segment } from './object-files.ts'
import { noSuchUpload } from './refusal.ts'

const Part = z.object({
  number: z.number().int(),
  segment: Segment,
  etag: z.string(),
  crc64: z.string(),
  at: z.string(),
})
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
  /** The segment is the upload's from now on, or removed where the upload is gone. @throws NoSuchUpload */
  addPart(id: string, key: string, part: Part): Promise<void>
  /**
   * Lets `publish` make an object of the segments that it returns; then the upload is forgotten, with its other segments.
   * No part comes or goes meanwhile. @throws NoSuchUpload
   */
  complete<T extends { readonly segments: readonly Segment[] }>(
    id: string,
    key: string,
    publish: (upload: Upload) => Promise<T>,
  ): Promise<T>
  /** @throws NoSuchUpload */
  abort(id: string, key: string): Promise<Upload>
  list(): readonly Upload[]
  segmentFiles(): string[]
}

/** @param inObjects segments that objects name: an upload that has one was completed just before the server was killed */
export async function openUploads(bucketDir: string, inObjects: ReadonlySet<string>): Promise<Uploads> {
  const dir = join(bucketDir, 'uploads')
  const uploads = await readAll(dir, inObjects)
  const path = (id: string) => join(dir, `${id}.json`)
  const inTurn: InTurn = inTurnPerKey()

  async function save(upload: Upload): Promise<void> {
    const draft = `${path(upload.id)}.${randomBytes(6).toString('hex')}`
    await mkdir(dir, { recursive: true })
    await writeFile(draft, JSON.stringify(upload), { flush: true })
    await rename(draft, path(upload.id))
  }

  const find = (id: string, key: string): Upload => {
    const upload = uploads.get(id)
    if (upload === undefined || upload.key !== key) throw noSuchUpload()
    return upload
  }

  async function forget(upload: Upload, keptSegments: readonly Segment[]): Promise<void> {
    const kept = new Set(keptSegments.map(({ file }) => file))
    uploads.delete(upload.id)
    await rm(path(upload.id), { force: true })
    const segments = upload.parts.map(({ segment }) => segment)
    await removeSegments(
      bucketDir,
      segments.filter(({ file }) => !kept.has(file)),
    )
  }

  async function replacePart(upload: Upload, part: Part): Promise<void> {
    const old = upload.parts.find(({ number }) => number === part.number)
    const parts = [...upload.parts.filter((other) => other !== old), part].sort((a, b) => a.number - b.number)
    await save({ ...upload, parts })
    upload.parts = parts
    if (old !== undefined) await removeSegments(bucketDir, [old.segment])
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
      await save(upload)
      uploads.set(id, upload)
      return upload
    },
    get: find,
    addPart: (id, key, part) =>
      inTurn(id, async () => {
        try {
          await replacePart(find(id, key), part)
        } catch (error) {
          await removeSegments(bucketDir, [part.segment])
          throw error
        }
      }),
    complete: (id, key, publish) =>
      inTurn(id, async () => {
        const upload = find(id, key)
        const published = await publish(upload)
        await forget(upload, published.segments)
        return published
      }),
    abort: (id, key) =>
      inTurn(id, async () => {
        const upload = find(id, key)
        await forget(upload, [])
        return upload
      }),
    list: () => [...uploads.values()],
    segmentFiles: () => [...uploads.values()].flatMap(({ parts }) => parts.map(({ segment }) => segment.file)),
  }
}

async function readAll(dir: string, inObjects: ReadonlySet<string>): Promise<Map<string, Upload>> {
  const uploads = new Map<string, Upload>()
  if (!existsSync(dir)) return uploads
  for (const file of await readdir(dir)) {
    const upload = file.endsWith('.json') ? parsed(await readFile(join(dir, file), 'utf8')) : null
    if (upload === null || upload.parts.some(({ segment }) => inObjects.has(segment.file)))
      await rm(join(dir, file), { force: true })
    else uploads.set(upload.id, upload)
  }
  return uploads
}

/** An upload written by another release is forgotten: its client gets NoSuchUpload and uploads again. */
function parsed(text: string): Upload | null {
  try {
    return Upload.safeParse(JSON.parse(text)).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
