import { InvalidArgumentError } from 'commander'

/** Reads an option that is a whole number, from 1 on; used while the command line is read, before anything is started. */
export function countUpTo(most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : 0
    if (count >= 1 && count <= most) return count
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
  }
}
