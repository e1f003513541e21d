import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import {
  asTransferError,
  codedMessage,
  errorCodes,
  outwardMessage,
  policies,
  TransferError,
} from '../../shared/errors/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const textOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('shared/errors'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')

it('every code is raised somewhere', () => {
  const text = textOf('shared')
  // Some are made of a side and a fault: `${side}/table-missing`.
  const isRaised = (code: string) => text.includes(`'${code}'`) || text.includes(`}${code.slice(code.indexOf('/'))}\``)
  expect(errorCodes.filter((code) => !isRaised(code))).toEqual([])
})

it('every code has advice in one sentence', () => {
  for (const code of errorCodes) expect(policies[code].advice, code).toMatch(/^[A-Z].*\.$/s)
})

it('keeps the cause and the code, and makes anything else a bug of ours', () => {
  const cause = new Error('inner')
  const error = new TransferError('connect/lost', 'outer', { host: 'h' }, { cause })
  expect(asTransferError(error)).toBe(error)
  expect(error.cause).toBe(cause)
  expect(error.report()).toEqual({
    code: 'connect/lost',
    message: 'outer',
    advice: policies['connect/lost'].advice,
    context: { host: 'h' },
  })
  expect(asTransferError('text')).toMatchObject({ code: 'internal/bug', message: 'text' })
})

it('is read back from the one text that the platform keeps of an error', () => {
  const error = new TransferError('connect/lost', 'line one\nline two: more')
  expect(codedMessage(outwardMessage(error))).toEqual({ code: 'connect/lost', message: 'line one\nline two: more' })
  for (const text of ['', 'connect/lost', 'no/such-code: x', 'Process exited unexpectedly'])
    expect(codedMessage(text)).toBeNull()
})
