// The end of .ci/run: names the steps that failed, with what failed in them, and adds up what was counted.
//   node .ci/summary.mjs FOLDER [FAILED STEP …]
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const [dir, ...failedSteps] = process.argv.slice(2)
let passed = 0
let failed = 0
/** Names of failed tests and cases. */
const names = []

for (const file of readdirSync(dir).filter((f) => f.endsWith('.json'))) {
  const result = JSON.parse(readFileSync(path.join(dir, file), 'utf8'))
  if ('numPassedTests' in result) {
    passed += result.numPassedTests
    failed += result.numFailedTests
    for (const suite of result.testResults) {
      const where = path.relative('.', suite.name)
      for (const test of suite.assertionResults) if (test.status === 'failed') names.push(`${where}: ${test.fullName}`)
      // A file that could not be run at all.
      if (suite.status === 'failed' && suite.assertionResults.length === 0) names.push(where)
    }
  } else {
    passed += result.passed
    failed += result.failed
    names.push(...result.names)
  }
}
// A step that failed without a counted test (lint, types, a crashed runner) still has to show.
if (failed === 0) failed = failedSteps.length

const shown = 50
if (names.length > 0) {
  console.log('\nFailed:')
  for (const name of names.slice(0, shown)) console.log(`  ${name}`)
  if (names.length > shown) console.log(`  and ${names.length - shown} more`)
}
if (failedSteps.length > 0) console.log(`\nFailed steps: ${failedSteps.join('; ')}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
