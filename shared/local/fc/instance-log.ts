/** What an instance writes; streams and answers come by different ways, so the end of a request is marked in both. */
export interface InstanceLog {
  add(text: string): void
  end(): void
  /** Resolves when the mark has been read, or nothing more will come. */
  untilRead(mark: string): Promise<void>
  take(): string
}

const keptCharacters = 64 * 1024

export function instanceLog(): InstanceLog {
  let text = ''
  let ended = false
  let waiting: { mark: string; resolve: () => void } | null = null
  const tell = () => {
    if (waiting === null || !(ended || text.includes(waiting.mark))) return
    waiting.resolve()
    waiting = null
  }
  return {
    add(piece) {
      text = (text + piece).slice(-keptCharacters)
      tell()
    },
    end() {
      ended = true
      tell()
    },
    untilRead: (mark) =>
      new Promise((resolve) => {
        waiting = { mark, resolve }
        tell()
      }),
    take() {
      const taken = text
      text = ''
      return taken
    },
  }
}
