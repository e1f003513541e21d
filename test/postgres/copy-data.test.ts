import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCopyDataReader } from '../../shared/postgres/copy-data.ts'

function message(kind: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(5)
  header.write(kind, 'latin1')
  header.writeUInt32BE(content.length + 4, 1)
  return Buffer.concat([header, content])
}

/** What comes of a stream that is cut at these places; each piece has memory of its own, as those of a socket. */
function takenFrom(stream: Buffer, cuts: readonly number[]): { data: Buffer; rest: Buffer } {
  const take = createCopyDataReader()
  const places = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b)
  const data: Buffer[] = []
  let start = 0
  for (const end of [...places, stream.length]) {
    const { data: some, rest } = take(Buffer.from(stream.subarray(start, end)))
    start = end
    data.push(some)
    if (rest !== null) return { data: Buffer.concat(data), rest: Buffer.concat([rest, stream.subarray(end)]) }
  }
  return { data: Buffer.concat(data), rest: Buffer.alloc(0) }
}

const content = fc.uint8Array({ maxLength: 40 })
const within = fc.array(fc.tuple(fc.constantFrom('d', 'd', 'd', 'N', 'S', 'A', 'H'), content), { maxLength: 20 })
const behind = fc.array(fc.tuple(fc.constantFrom('c', 'C', 'Z', 'E', 'T', 'd'), content), { maxLength: 3 })

it('the content of every CopyData comes out and all behind the COPY is left, however the stream is cut', () => {
  fc.assert(
    fc.property(within, behind, fc.array(fc.nat(), { maxLength: 30 }), (messages, others, cuts) => {
      const first = others.findIndex(([kind]) => kind !== 'd')
      const after = first < 0 ? [] : others.slice(first)
      const stream = Buffer.concat([...messages, ...after].map(([kind, bytes]) => message(kind, bytes)))
      const { data, rest } = takenFrom(stream, cuts)
      const rows = messages.filter(([kind]) => kind === 'd').map(([, bytes]) => bytes)
      expect(data.equals(Buffer.concat(rows))).toBe(true)
      expect(rest.equals(Buffer.concat(after.map(([kind, bytes]) => message(kind, bytes))))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

it('cut at each byte, a stream gives the same', () => {
  const rows = ['1\tone\n', '', '2\ttwo\n'].map((text) => message('d', Buffer.from(text)))
  const stream = Buffer.concat([
    message('H', Buffer.alloc(7)),
    ...rows,
    message('c', Buffer.alloc(0)),
    message('Z', Buffer.from('I')),
  ])
  for (let first = 0; first <= stream.length; first += 1)
    for (let second = first; second <= stream.length; second += 1)
      expect(takenFrom(stream, [first, second]).data.toString()).toBe('1\tone\n2\ttwo\n')
})
