/** Texts and comments, in which no statement begins. */
const quoted = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$/g
const control =
  /^(begin|start\s+transaction|commit|abort|prepare\s+transaction|rollback(?!\s+(work\s+|transaction\s+)?to\b))\b/i
/** The same as `commit`, unless it closes the body of a function. */
const end = /^end(\s+(work|transaction))?\s*$/i

/**
 * Whether SQL of an author begins or ends a transaction. It would take ours apart, in which its effects, the rows and the end
 * of the run stand together. What this does not see, such as behind an escaped quote, `runInTransaction` finds afterwards.
 */
export function controlsTransaction(sql: string): boolean {
  const bare = sql.replaceAll(quoted, ' ')
  const statements = bare.split(';').map((statement) => statement.trim())
  const hasBody = /\bbegin\s+atomic\b/i.test(bare)
  return statements.some((statement) => control.test(statement) || (!hasBody && end.test(statement)))
}
