import { fileURLToPath } from 'node:url'
import { buildFunctions } from '../../shared/cli/build-functions.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The bundles that every test stack runs, once for all files: each would take a second of both cores. */
export default async function setup(): Promise<void> {
  await buildFunctions(root, `${root}dist`)
}
