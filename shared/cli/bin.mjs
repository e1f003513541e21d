#!/usr/bin/env node
// The sources run as they are: tsx strips the types, so a clone works without a build.
import { register } from 'tsx/esm/api'

register()
// Whoever reads may have seen enough (`adbpg-sync status | head`); the work itself goes on.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
  })
const { main } = await import('./main.ts')
process.exitCode = await main(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
})
