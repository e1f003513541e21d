import type { JsonForm } from './json-form.ts'
import { scanValue } from './scan-value.ts'

/**
 * JSON of one value as its database prints it. What is no number or no JSON in spite of its type, such as NaN, infinity or what
 * a step has made of it, is a text.
 */
export function jsonOfText(text: string, form: JsonForm): string {
  if (form.as === 'array') return jsonOfArray(text, form) ?? JSON.stringify(text)
  if (form.as === 'boolean' && (text === 't' || text === 'f')) return text === 't' ? 'true' : 'false'
  if (form.as === 'number' && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return text
  if (form.as === 'json' && isJson(text)) return text.replaceAll(/[\n\r]/g, ' ')
  return JSON.stringify(form.as === 'time' ? isoTime(text) : text)
}

/** A line feed may stand between its values, where a blank means the same. */
function isJson(text: string): boolean {
  const bytes = Buffer.from(`${text.replaceAll('\n', ' ').trim()}\n`)
  return scanValue(bytes, 0, 0) === bytes.length - 1
}

/** ISO 8601: a `T`, and minutes of an offset. Infinity, and the era behind a date before Christ, stay as they are. */
const isoTime = (text: string): string =>
  text
    .replace(/^(\d{4,}-\d\d-\d\d) (\d\d:.*)$/, '$1T$2')
    .replace(/([+-]\d\d)( BC)?$/, (whole, offset: string, era = '') =>
      text.includes(':') ? `${offset}:00${era}` : whole,
    )

type ArrayForm = Extract<JsonForm, { as: 'array' }>

/** PostgreSQL documentation, Arrays, Array Input and Output Syntax. null: it is no array. */
function jsonOfArray(text: string, { of: form, delimiter }: ArrayForm): string | null {
  // Bounds are left out, as JSON has none.
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const list = (): string | null => {
    at += 1
    const elements: string[] = []
    while (text[at] !== '}') {
      const element = text[at] === '{' ? list() : one()
      if (element === null) return null
      elements.push(element)
      if (text[at] === delimiter) at += 1
      else if (text[at] !== '}') return null
    }
    at += 1
    return `[${elements.join(',')}]`
  }
  const one = (): string | null => {
    if (text[at] === '"') return quotedOne()
    const start = at
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') at += 1
    const element = text.slice(start, at)
    return element === 'NULL' ? 'null' : jsonOfText(element, form)
  }
  const quotedOne = (): string | null => {
    let element = ''
    for (at += 1; at < text.length && text[at] !== '"'; at += 1) {
      if (text[at] === '\\') at += 1
      element += text[at] ?? ''
    }
    at += 1
    return jsonOfText(element, form)
  }
  const json = text[at] === '{' ? list() : null
  return at === text.length ? json : null
}
