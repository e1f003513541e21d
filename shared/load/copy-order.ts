import type { Projection } from '../codecs/csv-project.ts'
import type { KeyProjection } from '../codecs/json-lines/write-record.ts'

/**
 * The order in which COPY's column list must name the columns so that the bytes go through untouched: entry p is the
 * column of field p. null when a field is left out, used twice, made up or found by its key, which only rewriting the bytes can do.
 */
export function copyOrder(projection: Projection | KeyProjection): readonly number[] | null {
  if ('keys' in projection) return null
  const { width, fields } = projection
  if (width !== fields.length) return null
  const order: number[] = []
  for (const [column, field] of fields.entries()) {
    if (!('index' in field) || field.index >= width || order[field.index] !== undefined) return null
    order[field.index] = column
  }
  return order
}
