import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

/*
 * The golden corpus: a script beside what it must become. A script is dropped as `<name>.json`, or as `<name>.txt` where it
 * is no plain JSON; `<name>.expected.json` beside it is `Expected`.
 */

const FoundRows = z.strictObject({
  /** The database that is asked. */
  in: z.enum(['adbpg', 'source', 'mysql']).default('adbpg'),
  sql: z.string(),
  /** Values as the server prints them. */
  rows: z.array(z.array(z.string().nullable())),
})

const Run = z.strictObject({
  /** Statements that make what is there before, in an empty schema `public` of either database. */
  adbpg: z.array(z.string()).default([]),
  source: z.array(z.string()).default([]),
  /** The same in an empty database of MySQL; absent for scripts that need none. */
  mysql: z.array(z.string()).optional(),
  /** Objects that are there before, by key. */
  objects: z.record(z.string(), z.union([z.string(), z.strictObject({ base64: z.string() })])).default({}),
  /** What the run reports at least. */
  rows: z.record(z.string(), z.number()),
  finds: z.array(FoundRows).default([]),
  /** Lines of all objects under a prefix when the run has ended, whatever the order of slices. */
  writes: z.record(z.string(), z.array(z.string())).default({}),
})
export type GoldenRun = z.infer<typeof Run>

const Expected = z
  .strictObject({
    /** What the specification holds at least; null when there is none. */
    spec: z.record(z.string(), z.unknown()).nullable(),
    /** All of them, in order. */
    faults: z.array(
      z.strictObject({
        severity: z.enum(['error', 'warning']),
        code: z.string().optional(),
        path: z.string(),
        says: z.string(),
        line: z.number().optional(),
        column: z.number().optional(),
      }),
    ),
    /** A run of it against real servers, or the reason why there is none. */
    run: Run.optional(),
    notRun: z.string().min(10).optional(),
  })
  .refine(({ run, notRun }) => (run === undefined) !== (notRun === undefined), 'say how it is run, or why it is not')
  .refine(({ spec, run }) => spec !== null || run === undefined, 'what is refused cannot run')

export interface Golden {
  readonly name: string
  readonly file: string
  readonly text: string
  readonly expected: z.infer<typeof Expected>
}

const folder = fileURLToPath(new URL('../golden/jobs/', import.meta.url))
const expectedSuffix = '.expected.json'

/** @throws when a script or an expectation stands alone */
export function readGoldens(): Golden[] {
  const files = readdirSync(folder)
  const scripts = files.filter((file) => !file.endsWith(expectedSuffix))
  const orphans = files.filter((file) => file.endsWith(expectedSuffix)).length - scripts.length
  if (orphans !== 0) throw new Error(`${folder} holds ${scripts.length} scripts and ${orphans} expectations more`)
  return scripts.map((file) => {
    const name = file.replace(/\.(json|txt)$/, '')
    const expected = Expected.parse(JSON.parse(readFileSync(`${folder}${name}${expectedSuffix}`, 'utf8')))
    return { name, file, text: readFileSync(folder + file, 'utf8'), expected }
  })
}
