import { TransferError } from '../errors/index.ts'

/** A whole number of an option, from 1 on. @throws job/invalid */
export function parseCount(option: string, text: string, most: number): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= most) return count
  throw new TransferError('job/invalid', `${option} takes a whole number from 1 to ${most}, got ${text}`)
}
