import type { Projection } from '../codecs/csv-project.ts'

/**
 * The order in which COPY's column list must name the columns so that the bytes go through untouched: entry p is the
 * column of field p. null when a field is left out, used twice or made up, which only rewriting the bytes can do.
 */
export function copyOrder({ width, fields }: Projection): readonly number[] | null {
  if (width !== fields.length) return null
  const order: number[] = []
  for (const [column, field] of fields.entries()) {
    if (!('index' in field) || field.index >= width || order[field.index] !== undefined) return null
    order[field.index] = column
  }
  return order
}
