// Runs the black-box cases against the built server. Where test/conformance-pending.txt exists it lists cases that wait for
// something: a failing case that is not listed fails, and so does a listed case that passes.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const { values: args } = parseArgs({
  options: {
    shards: { type: 'string', default: '1' },
    filter: { type: 'string' },
    cases: { type: 'string' },
    out: { type: 'string' },
    runner: { type: 'string', default: '../shared/conformance/run.mjs' },
  },
})
const root = path.resolve(import.meta.dirname, '..')
const freePort = () =>
  new Promise((resolve) => {
    const s = createServer()
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })

const dir = mkdtempSync(path.join(os.tmpdir(), 'shardline-conformance-'))
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const config = path.join(dir, 'shardline.conf')
writeFileSync(
  config,
  `hostname = "localhost"
data_dir = "${dir}"
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
[logging]
file = "${dir}/server.log"
level = "INFO"
[engine]
shards = ${args.shards}
[replay]
dir = "${dir}/replay"
[storage]
boltdb = "${dir}/shardline.db"
`,
)
const server = spawn(process.execPath, [path.join(root, 'dist/src/daemon.js'), '-config', config], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, TZ: 'UTC' },
})
let code = 1
try {
  await waitFor(url, server)
  const json = path.join(dir, 'results.json')
  const run = spawnSync(
    process.execPath,
    [
      path.resolve(root, args.runner),
      '--url',
      url,
      '--json',
      json,
      ...(args.filter ? ['--filter', args.filter] : []),
      ...(args.cases ? ['--cases', path.resolve(root, args.cases)] : []),
    ],
    { cwd: root, encoding: 'utf8', timeout: 600_000 },
  )
  if (run.status === 2 || run.status === null) throw new Error(run.stderr || 'the conformance runner did not finish')
  code = judge(JSON.parse(readFileSync(json, 'utf8')), run.stdout)
} catch (err) {
  console.error(err.message)
  try {
    console.error(readFileSync(`${dir}/server.log`, 'utf8').slice(-4000))
  } catch (logErr) {
    console.error(`no server log: ${logErr.message}`)
  }
} finally {
  server.kill('SIGTERM')
  await new Promise((resolve) => (server.exitCode === null ? server.once('exit', resolve) : resolve()))
  rmSync(dir, { recursive: true, force: true })
}
process.exit(code)

async function waitFor(base, child) {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`)
    const ok = await fetch(`${base}/kapacitor/v1/ping`).then(
      (r) => r.status === 204,
      () => false,
    )
    if (ok) return
    await new Promise((r) => setTimeout(r, 100))
  }
  throw new Error('the server did not answer within 30 s')
}

/** Cases waiting for a node or surface: `area/name  what it waits for`. */
function pending() {
  const file = path.join(root, 'test/conformance-pending.txt')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return new Map(
    text
      .split('\n')
      .filter((l) => l.trim() !== '' && !l.startsWith('#'))
      .map((l) => [l.split(/\s+/)[0], l]),
  )
}

function judge(results, stdout) {
  const waiting = pending()
  const wrong = []
  const names = []
  for (const r of results) {
    if (r.passed !== waiting.has(r.id)) continue
    names.push(`${args.shards} shard(s): ${r.id}`)
    wrong.push(`FAIL ${r.id}  ${r.passed ? 'passes, but test/conformance-pending.txt lists it' : r.diff}`)
  }
  console.log(
    stdout
      .split('\n')
      .filter((l) => !l.startsWith('FAIL'))
      .join('\n'),
  )
  for (const w of wrong) console.log(w)
  const ran = results.length - results.filter((r) => waiting.has(r.id)).length
  const passed = results.filter((r) => r.passed && !waiting.has(r.id)).length
  console.log(`${args.shards} shard(s): ${passed} of ${ran} cases as recorded, ${waiting.size} pending`)
  if (args.out) writeFileSync(args.out, JSON.stringify({ passed, failed: wrong.length, names }))
  return wrong.length === 0 ? 0 : 1
}
