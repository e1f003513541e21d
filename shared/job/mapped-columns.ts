import type { JobSpec, Mapping } from './document.ts'
import { type Fault, faultAt, type Path } from './fault.ts'
import type { Member } from './members.ts'
import { didYouMean } from './nearest-name.ts'
import { optionNames } from './option-names.ts'
import type { KnownEnd } from './resolve-job.ts'

/** A mapping on its way into a specification: it says which columns the writer takes, and so what the reader gives. */
export interface MappedColumns {
  /** Known once it was applied: the order is that of the writer. */
  readonly sources: JobSpec['mapping']
  applyTo(writer: Map<string, Member>, known: KnownEnd, faults: Fault[]): void
}

const path: Path = ['mapping']

export function mappedColumns(mapping: Mapping | null): MappedColumns | null {
  if (mapping === null) return null
  let sources: JobSpec['mapping'] = 'byName'
  return {
    get sources() {
      return sources
    },
    applyTo(writer, known, faults) {
      if (!optionNames(known.options).includes('column')) {
        const reason = `${known.kind} writes the columns of the reader, whatever they are called; order them in its column`
        faults.push(faultAt(path, reason, 'job/unsupported'))
      } else if (mapping !== 'byName') {
        const targets = targetsOf(mapping, writer.get('column'), faults)
        sources = targets.map((target) => mapping[target] ?? '')
        writer.set('column', { value: targets, path: writer.get('column')?.path ?? path })
      }
    },
  }
}

/** The writer's own list must be of the same columns; it gives the order. */
function targetsOf(
  mapping: Exclude<Mapping, 'byName'>,
  column: Member | undefined,
  faults: Fault[],
): readonly string[] {
  const mapped = Object.keys(mapping)
  if (mapped.length === 0) faults.push(faultAt(path, 'maps no column; leave it out, or write "byName"'))
  const list: unknown[] = Array.isArray(column?.value) ? column.value : column === undefined ? [] : [column.value]
  const listed = list.filter((name): name is string => typeof name === 'string' && name !== '')
  if (listed.length === 0 || (listed.length === 1 && listed[0] === '*')) return mapped
  for (const name of listed.filter((one) => !Object.hasOwn(mapping, one)))
    faults.push(faultAt(column?.path ?? path, `column ${name} has no entry in mapping${didYouMean(name, mapped)}`))
  for (const name of mapped.filter((one) => !listed.includes(one)))
    faults.push(faultAt([...path, name], `is no column of the writer${didYouMean(name, listed)}`))
  return listed
}
