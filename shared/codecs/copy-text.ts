const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** One record as COPY text; null is NULL. PostgreSQL documentation, COPY, Text Format. */
export function encodeCopyText(fields: readonly (string | null)[]): Buffer {
  const encoded = fields.map((field) => field?.replaceAll(/[\\\t\n\r]/g, (found) => escapes[found] ?? found) ?? '\\N')
  return Buffer.from(`${encoded.join('\t')}\n`)
}
