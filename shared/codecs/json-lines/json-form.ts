/** How a value of a database is written in JSON: as `row_to_json` of PostgreSQL does, where that has an opinion. */
export type JsonForm =
  | { readonly as: 'text' | 'number' | 'boolean' | 'json' | 'time' }
  | { readonly as: 'array'; readonly of: JsonForm; readonly delimiter: string }

const forms: readonly (readonly [RegExp, Exclude<JsonForm['as'], 'array'>])[] = [
  [/^(tiny|small|medium|big)?int(eger)?$|^int[248]$|^year$/, 'number'],
  [/^(double|real|float|decimal|numeric|double precision|float[48])$/, 'number'],
  [/^bool(ean)?$/, 'boolean'],
  [/^jsonb?$/, 'json'],
  [/^(datetime|timestamp|timestamptz)( with(out)? time zone)?$/, 'time'],
]

/** @param type the full name that the source prints: `numeric(20,4)`, `bigint unsigned`, `integer[]` */
export function jsonFormOf(type: string): JsonForm {
  if (type.endsWith('[]')) {
    // Of all types of the server only box has another sign between the elements of its arrays.
    return { as: 'array', of: jsonFormOf(type.slice(0, -2)), delimiter: type === 'box[]' ? ';' : ',' }
  }
  const plain = type
    .toLowerCase()
    .replaceAll(/\([^)]*\)/g, '')
    .replaceAll(/ (unsigned|zerofill)\b/g, '')
    .trim()
  return { as: forms.find(([pattern]) => pattern.test(plain.replaceAll(/\s+/g, ' ')))?.[1] ?? 'text' }
}
