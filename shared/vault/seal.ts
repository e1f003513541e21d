import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

export const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
/** Tells a sealed entry from any other file, and one form from those that may follow. */
const mark = Buffer.from('av1\n')

/**
 * AES-256-GCM under a fresh nonce: mark, nonce, tag, text. The name of the entry is sealed in, so that an entry put under
 * another name does not open. 2^32 entries are the limit of random nonces (NIST SP 800-38D §8.3); a vault has a few dozen.
 */
export function seal(secret: string, name: string, key: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name))
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([mark, nonce, cipher.getAuthTag(), text])
}

/** null: not sealed by this key under this name, or changed since. */
export function unseal(sealed: Buffer, name: string, key: Buffer): string | null {
  const start = mark.length + nonceBytes + tagBytes
  if (sealed.length < start || !sealed.subarray(0, mark.length).equals(mark)) return null
  const nonce = sealed.subarray(mark.length, mark.length + nonceBytes)
  const tag = sealed.subarray(mark.length + nonceBytes, start)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(name)).setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(sealed.subarray(start)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** Eight hex digits that tell two values apart; without the key they say nothing about either, as those of a plain hash would. */
export const fingerprint = (secret: string, key: Buffer): string =>
  createHmac('sha256', key).update(secret).digest('hex').slice(0, 8)
