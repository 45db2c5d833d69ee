/** Recorded cases: what a script makes of its input, on one shard and on several. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Case, parseCase, runCase } from './case-runner.js'
import { root, TestServer } from './server.js'

const directory = join(root, 'test/fixtures/cases')
const cases = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file): [string, Case] => [file.slice(0, -5), parseCase(readFileSync(join(directory, file), 'utf8'))])

describe.each([1, 4])('%d shards', (shards) => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.start({ shards })
  })
  afterAll(() => server.stop())

  it.concurrent.each(cases)('%s', async (_name, spec) => {
    expect(await runCase(spec, server)).toEqual(spec.expected)
  })
})
