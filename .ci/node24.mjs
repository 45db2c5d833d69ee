// Runs the tests that touch native add-ons and HTTP on Node 24, where the µWebSockets.js binary does not load and node:http
// takes over. The registry's `node` package brings the binary.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const dir = mkdtempSync(path.join(os.tmpdir(), 'shardline-node24-'))
try {
  const install = spawnSync('npm', ['install', '--no-save', '--prefix', dir, '--no-audit', '--no-fund', 'node@24'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: false,
  })
  const candidates = [
    path.join(dir, 'node_modules/node/bin/node'),
    path.join(dir, `node_modules/node-${process.platform}-${process.arch}/bin/node`),
    path.join(dir, `node_modules/node/node_modules/node-${process.platform}-${process.arch}/bin/node`),
  ]
  const node = candidates.find((c) => existsSync(c))
  if (install.status !== 0 || node === undefined) {
    console.error('Node 24 could not be installed from the registry')
    process.exit(1)
  }
  const run = spawnSync(
    node,
    [
      path.join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...(process.env.NODE24_TESTS ?? 'test/unit/api test/unit/http test/e2e').split(' '),
      // What only developers run needs no second Node.
      ...['bench', 'dev'].flatMap((name) => ['--exclude', `test/e2e/${name}.test.ts`]),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${process.argv[2] ?? path.join(dir, 'out.json')}`,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: `${path.dirname(node)}:${process.env.PATH}` } },
  )
  process.exit(run.status ?? 1)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
