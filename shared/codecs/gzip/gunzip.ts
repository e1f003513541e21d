import { corrupt } from '../corrupt.ts'
import { cutShort, readTrailer, skipHeader } from './members.ts'
import { type Inflater, takeInflater } from './open-inflater.ts'
import { type PackedInput, packedInput } from './packed-input.ts'

const needsInput = 0
const isDone = 2

/** What `inflate` answers from -1 on down, in the words of zlib (assembly/answers.ts). */
const faults = [
  'invalid block type',
  'invalid stored block lengths',
  'too many length or distance symbols',
  'invalid code lengths set',
  'invalid bit length repeat',
  'invalid code -- missing end-of-block',
  'invalid literal/lengths set',
  'invalid distances set',
  'invalid literal/length code',
  'invalid distance code',
  'invalid distance too far back',
]

/**
 * The bytes of a gzip file, all members of it, each against its own checksum; zeros behind a member are padding, and end it as
 * they do for Node's zlib. Pieces are valid until the next is asked for, and those of the source may be, too.
 * @throws source/corrupt
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  using inflater = takeInflater()
  await using input = packedInput(source, inflater)
  const { calls } = inflater
  // Whatever the stream before this one left.
  calls.slide()
  do {
    await skipHeader(input, inflater)
    calls.begin()
    yield* inflateMember(inflater, input)
  } while ((await input.peek()) > 0)
  const rest = unpacked(inflater)
  if (rest.length > 0) yield rest
}

async function* inflateMember(inflater: Inflater, input: PackedInput): AsyncIterable<Uint8Array> {
  const { calls } = inflater
  let crc = 0
  let bytes = 0
  for (;;) {
    const from = calls.to.value
    const answer = calls.inflate(input.at, input.end())
    input.at = calls.at.value
    if (answer < 0) throw corrupt(faults[-1 - answer] ?? 'unknown')
    crc = inflater.crc32(crc, from, calls.to.value)
    bytes += calls.to.value - from
    if (answer === isDone) return await readTrailer(input, { crc, bytes })
    if (answer !== needsInput) {
      yield unpacked(inflater)
      calls.slide()
    } else if (!(await input.more())) throw cutShort()
  }
}

/** What was not handed on yet. */
const unpacked = ({ bytes, calls }: Inflater) => bytes.subarray(calls.output.value, calls.to.value)
