export { crc32 } from './crc32'
export { at, begin, inflate, slide, to } from './inflate'
export { input, inputBytes, output } from './memory'
