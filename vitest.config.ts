import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/support/build-once.ts',
    // A third of the time is waiting, for leases and for servers to start: three files at a time keep two cores busy.
    maxWorkers: 3,
    // Files of one worker share what they import, which for each anew took two minutes in all; none of ours keeps state there.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/skipped-reporter.ts'],
    silent: 'passed-only',
  },
})
