/** The demo as a process: it ends by itself or by signals, its sums close, and it leaves no process and no file behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { root } from './server.js'

const demo = join(process.env.SHARDLINE_TEST_DIST ?? join(root, 'dist'), 'src/demo.js')
let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-demo-test-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `onText` is called with everything printed so far. */
async function run(args: readonly string[], onText: (text: string, kill: (s: NodeJS.Signals) => void) => void) {
  const child = spawn(process.execPath, [demo, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: dir },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onText(stdout, (s) => child.kill(s))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr } satisfies Ended
}

function sums(text: string): { sent: number; accepted: number; lost: number; processed: number; dropped: number } {
  const m = /sent ([\d,]+) = accepted ([\d,]+) \+ lost ([\d,]+)\n.* = processed ([\d,]+) \+ dropped ([\d,]+)\n/.exec(
    text,
  )
  if (m === null) throw new Error(`no sums in: ${text}`)
  const [sent, accepted, lost, processed, dropped] = m.slice(1).map((n) => Number(n.replaceAll(',', '')))
  return { sent, accepted, lost, processed, dropped }
}

it('ends by itself; every point is accounted for; nothing is left', async () => {
  const args = ['--seconds', '4', '--rate', '3000', '--groups', '500', '--noisy', '2']
  const { code, stdout, stderr } = await run(args, () => undefined)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const s = sums(stdout)
  expect(s.sent).toBeGreaterThan(3000)
  expect(s).toEqual({ sent: s.sent, accepted: s.sent, lost: 0, processed: s.sent, dropped: 0 })
  expect(readdirSync(dir)).toEqual([])
})

it('ends by Ctrl-C, which arrives more than once', async () => {
  let killed = false
  const { code, stdout, stderr } = await run(['--seconds', '60', '--rate', '1000', '--groups', '100'], (text, kill) => {
    if (killed || !text.includes('points/s')) return
    killed = true
    for (let i = 0; i < 3; i++) kill('SIGINT')
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(sums(stdout).lost).toBe(0)
  expect(readdirSync(dir)).toEqual([])
})

it('refuses options that it does not have', async () => {
  const help = await run(['--help'], () => undefined)
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--seconds') })
  expect(await run(['--rate', 'x'], () => undefined)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'demo: --rate must be a number from 1 to 1000000\n',
  })
})
