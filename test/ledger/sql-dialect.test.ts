import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { migrations, statements } from '../../shared/ledger/statements.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the 9.4 kernel of ADBPG 6.0 refuses (adbpg-and-peers.md A6), each as it would stand in a statement. */
const refused: readonly (readonly [string, RegExp])[] = [
  ['on conflict', /\bon\s+conflict\b/i],
  ['create index if not exists', /create\s+(unique\s+)?index\s+(concurrently\s+)?if\s+not\s+exists/i],
  ['add column if not exists', /add\s+column\s+if\s+not\s+exists/i],
  ['create sequence if not exists', /create\s+sequence\s+if\s+not\s+exists/i],
  ['identity columns', /generated\s+(always|by\s+default)\s+as/i],
  ['skip locked', /skip\s+locked/i],
  ['merge', /^\s*merge\s+into/im],
  ['tablesample', /tablesample/i],
  ['jsonb functions of 9.5', /jsonb_(set|insert|build_object|agg|pretty)|to_jsonb/i],
  ['gen_random_uuid', /gen_random_uuid/i],
  ['two-argument current_setting', /current_setting\s*\([^()]*,/i],
  ['to_regclass, whose argument changed its type', /to_regclass/i],
  ['copy … where', /copy\b[^;]*\bfrom\s+stdin\b[^;]*\bwhere\b/i],
  ['include columns', /\binclude\s*\(/i],
  ['pg_stat_progress_copy', /pg_stat_progress_copy/i],
  ['update of a ledger row', /\bupdate\s+adbpg_sync\b/i],
]

/** The trials of the capability probe are meant to be refused by some servers; a merge asks what they found. */
const trials = /capability-trials\.sql\.ts$|load\/merge\.ts$/

function texts(): { name: string; text: string }[] {
  const ledger = Object.entries({ ...statements, ...migrations }).map(([name, text]) => ({
    name: `ledger/${name}`,
    text,
  }))
  const files = readdirSync(join(root, 'shared'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !trials.test(file) && !file.endsWith('statements.ts'))
  const literals = files.flatMap((file) =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(
        /(['`])((?:select|insert|update|delete|copy|create|lock|set|with|begin)\b[\s\S]*?)\1/gi,
      ),
    ].map((found) => ({
      name: file,
      text: found[2] ?? '',
    })),
  )
  return [...ledger, ...literals]
}

describe('every statement the code can send', () => {
  it('is found: those of the ledger and those in the sources', () => {
    expect(texts().length).toBeGreaterThan(60)
  })

  it.each(refused)('does without %s', (_name, pattern) => {
    expect(
      texts()
        .filter(({ text }) => pattern.test(text))
        .map(({ name, text }) => `${name}: ${text.slice(0, 80)}`),
    ).toEqual([])
  })

  it('would find each of them', () => {
    const samples =
      'on conflict|create index if not exists|add column if not exists|skip locked|jsonb_set|gen_random_uuid|tablesample'
    for (const sample of samples.split('|'))
      expect(
        refused.some(([, pattern]) => pattern.test(sample)),
        sample,
      ).toBe(true)
  })
})
