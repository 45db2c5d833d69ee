/** `npm run bench` as a user meets it: help, bad arguments, rows that come one by one, latency measured by time. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './server.js'

const folder = join(process.env.SHARDLINE_TEST_DIST ?? join(root, 'dist'), 'native-free-bench')
let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'shardline-bench-'))
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

async function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(folder, 'run.js'), ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  await once(child, 'close')
  return { code: child.exitCode, ...texts }
}

describe('arguments', () => {
  it('--help lists suites and options', async () => {
    const { code, stdout, stderr } = await bench('--help')
    expect([code, stderr]).toEqual([0, ''])
    for (const word of [
      'kernels',
      'spine',
      'cardinality',
      'delay',
      '--quick',
      '--shards',
      '--filter',
      '--latency-seconds',
    ]) {
      expect(stdout).toContain(word)
    }
  })

  it.each([
    [['cardinalty'], 'there is no suite "cardinalty": kernels, spine, cardinality, delay'],
    [['--shard', '2'], "Unknown option '--shard'"],
    [['--shards', 'x'], '--shards takes a whole number from 1 on, not "x"'],
    [['--latency-seconds', '0'], '--latency-seconds takes a whole number from 1 on, not "0"'],
    [['--filter', '('], '--filter: Invalid regular expression'],
  ])('%j are refused', async (args, text) => {
    const { code, stdout, stderr } = await bench(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(text)
    expect(stderr).toContain('npm run bench -- --help')
  })
})

it('kernels: says what it measures, and a row per kernel', async () => {
  const { code, stdout, stderr } = await bench('kernels', '--quick', '--filter', '^(ring|pages)')
  expect(code).toBe(0)
  expect(stderr).toMatch(/^\d+ s {2}kernels: pages, 1 of 2$/m)
  expect(stdout).toMatch(/^ring: 1024 entries pushed and shed +\d+\.\d\d M +\d+\.\d$/m)
  const lines = readFileSync(join(cwd, 'bench-results/kernels.jsonl'), 'utf8').trim().split('\n')
  expect(lines.length).toBe(stdout.split('\n').filter((l) => / M +\d+\.\d$/.test(l)).length)
})

it('cardinality: latency takes the seconds it is given, however long a probe takes', async () => {
  const options = { shards: 1, points: 20_000, latencySeconds: 1 }
  const child: ChildProcess = fork(join(folder, 'cardinality.js'), [JSON.stringify({ groups: 1000, options })], { cwd })
  const phases: string[] = []
  const result = await new Promise<{ groups: number; latencyMs: { p50: number; probes: number } }>(
    (resolve, reject) => {
      child.on('message', (message: { phase?: string; result?: never }) => {
        if (message.phase !== undefined) phases.push(message.phase)
        else if (message.result !== undefined) resolve(message.result)
      })
      child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
    },
  )
  expect(phases[0]).toBe('generating 20,000 points')
  expect(result.groups).toBe(1000)
  expect(result.latencyMs.probes).toBeGreaterThan(0)
  expect(result.latencyMs.probes).toBeLessThan(2000)
  expect(result.latencyMs.p50).toBeGreaterThan(0)
})
