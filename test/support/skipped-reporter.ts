import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Names each test that did not run, with its reason: a green run must not hide what it left out. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    const lines = skipped.map((test) => `   ${test.module.relativeModuleId} > ${test.fullName}: ${reasonOf(test)}`)
    process.stdout.write(`\n Skipped by name\n${lines.join('\n')}\n`)
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  return result.state === 'skipped' && result.note ? result.note : 'its condition does not hold here'
}
