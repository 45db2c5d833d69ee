// Adds up what the steps of .ci/run counted and prints the closing line.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

const [, , failedSteps, dir] = process.argv
let passed = 0
let failed = 0
const read = (name) => {
  const file = path.join(dir, name)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
}
for (const name of ['tests.json', 'node24.json']) {
  const r = read(name)
  if (r === null) continue
  passed += r.numPassedTests
  failed += r.numFailedTests
}
for (const shards of [1, 4]) {
  const r = read(`conformance-${shards}.json`)
  if (r === null) continue
  passed += r.passed
  failed += r.failed
}
// A step that failed without a counted test (lint, types, a crashed runner) still has to show.
if (failed === 0) failed += Number(failedSteps)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && Number(failedSteps) === 0 ? 0 : 1)
