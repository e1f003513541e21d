import { JobDocument } from './document.ts'
import { type Fault, faultAt, faultsError, type Path } from './fault.ts'
import { parseText } from './script-text.ts'

export interface ParsedDocument {
  readonly document: JobDocument
  /** Where the script stands in the text: `[]` for a bare one. */
  readonly scriptPath: Path
  readonly place: (fault: Fault) => Fault
}

/**
 * Reads a job document, or a bare DataX or DataWorks script, which then gets `bareName`.
 * @throws job/syntax, job/invalid with a line per fault
 */
export function parseJobDocument(text: string, bareName: string | null): ParsedDocument {
  const { value, place } = parseText(text)
  const bare = isBareScript(value)
  const candidate = bare ? { name: bareName ?? '', script: value } : value
  const parsed = JobDocument.safeParse(candidate)
  if (parsed.success) return { document: parsed.data, scriptPath: bare ? [] : ['script'], place }
  const faults = parsed.error.issues.map((issue) =>
    place(
      faultAt(
        issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step)),
        issue.message,
      ),
    ),
  )
  throw faultsError(faults)
}

const isBareScript = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !('script' in value) &&
  ('job' in value || 'steps' in value || 'type' in value)
