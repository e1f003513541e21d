/** How a value of PostgreSQL is written in JSON: as its `row_to_json` does. */
export type JsonForm =
  | { readonly as: 'text' | 'number' | 'boolean' | 'json' | 'time' }
  | { readonly as: 'array'; readonly of: JsonForm; readonly delimiter: string }

const forms: readonly (readonly [RegExp, Exclude<JsonForm['as'], 'array'>])[] = [
  [/^(smallint|integer|bigint|numeric|real|double precision)$/, 'number'],
  [/^boolean$/, 'boolean'],
  [/^jsonb?$/, 'json'],
  [/^timestamp with(out)? time zone$/, 'time'],
]

/** @param type the full name that the server prints: `numeric(20,4)`, `integer[]`, `timestamp(3) with time zone` */
export function jsonFormOf(type: string): JsonForm {
  if (type.endsWith('[]')) {
    // Of all types of the server only box has another sign between the elements of its arrays.
    return { as: 'array', of: jsonFormOf(type.slice(0, -2)), delimiter: type === 'box[]' ? ';' : ',' }
  }
  const plain = type.replaceAll(/\([^)]*\)/g, '')
  return { as: forms.find(([pattern]) => pattern.test(plain))?.[1] ?? 'text' }
}
