/** `npm run build`: the bundles that `s deploy` uploads. */
import { fileURLToPath } from 'node:url'
import { buildFunctions } from './build-functions.ts'

const projectDir = fileURLToPath(new URL('../..', import.meta.url))
for (const { name, bytes } of await buildFunctions(projectDir, `${projectDir}dist`)) {
  console.log(`dist/${name}/index.js  ${(bytes / 1024).toFixed(0)} kB`)
}
