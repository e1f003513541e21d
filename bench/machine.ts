import { availableParallelism, cpus, totalmem } from 'node:os'

/** What a reader has to know of the machine, and nothing that names it. */
export async function machineFacts() {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
  }
}
