/*
 * https://www.postgresql.org/docs/12/protocol-message-formats.html: a byte that names the message, its length in four bytes that
 * count themselves, its content. A server sends a row of a COPY in a message of its own.
 */
const headerBytes = 5
const copyData = 0x64
/** CopyOutResponse, and what may come at any time: notices, settings, notifications. Nothing of it is for the reader. */
const passedOver: ReadonlySet<number> = new Set([0x48, 0x4e, 0x53, 0x41])

export interface CopyDataTaken {
  /** The content of the messages, in the memory of the piece that was given. */
  readonly data: Buffer
  /** From the first message on that is no part of the COPY; null while there is none. */
  readonly rest: Buffer | null
}

/**
 * Takes the headers out of what a server sends during COPY TO, in any cut. Rows are moved together within the piece itself: an
 * event, an object or a slice for each of ten million rows of a gigabyte is what makes other ways slow.
 */
export function createCopyDataReader(): (piece: Buffer) => CopyDataTaken {
  const header = Buffer.alloc(headerBytes)
  let held = 0
  let left = 0
  let isData = false

  return (piece) => {
    let [read, write] = [0, 0]
    while (read < piece.length) {
      if (left > 0) {
        const end = Math.min(piece.length, read + left)
        if (isData) {
          if (write !== read) piece.copyWithin(write, read, end)
          write += end - read
        }
        left -= end - read
        read = end
        continue
      }
      let [from, at] = [piece, read]
      if (held > 0 || piece.length - read < headerBytes) {
        const taken = piece.copy(header, held, read, Math.min(piece.length, read + headerBytes - held))
        held += taken
        read += taken
        if (held < headerBytes) break
        from = header
        at = 0
      } else read += headerBytes
      const kind = from[at] ?? 0
      isData = kind === copyData
      if (!isData && !passedOver.has(kind)) {
        const rest = Buffer.concat([from.subarray(at, at + headerBytes), piece.subarray(read)])
        return { data: piece.subarray(0, write), rest }
      }
      left = from.readUInt32BE(at + 1) - 4
      held = 0
    }
    return { data: piece.subarray(0, write), rest: null }
  }
}
