/** Half of a surrogate pair: no UTF-8 can hold it, and Node would write U+FFFD without a word. */
const half = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

export const hasHalfCharacter = (text: string): boolean => half.test(text)
