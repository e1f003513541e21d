/** Statements whose answer nobody waits for. They travel with the one behind them, as a way there and back leaves the server idle. */
export interface HeldStatements {
  hold(statement: string): void
  /** Undone before it was sent, with all that was held behind it. @returns false: it has been sent */
  takeBack(statement: string): boolean
  /** What is to stand before the next statement; nothing is held any more. */
  take(): string
}

export function holdStatements(): HeldStatements {
  const held: string[] = []
  return {
    hold: (statement) => void held.push(statement),
    takeBack(statement) {
      const at = held.indexOf(statement)
      if (at >= 0) held.length = at
      return at >= 0
    },
    take: () =>
      held
        .splice(0)
        .map((statement) => `${statement}; `)
        .join(''),
  }
}
