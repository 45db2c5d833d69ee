// Packs the project, installs the tarball in an empty folder and does there what users of the package do: type-check against its
// declarations, embed the engine, start the server and see an alert.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const dir = mkdtempSync(path.join(os.tmpdir(), 'shardline-package-'))
const maxBytes = 4 * 1024 * 1024
let server

function run(command, args, cwd = dir) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 240_000, env: { ...process.env, TZ: 'UTC' } })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`)
  return done.stdout
}

async function until(what, check) {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
    if (await check()) return
  }
  throw new Error(`timed out: ${what}`)
}

try {
  const [{ filename, size, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', dir], root).replace(/^[^[]*/, ''),
  )
  const foreign = files.filter(
    ({ path: p }) =>
      /(^|\/)(test|native-free-bench|src\/(?!.*\.(js|d\.ts)$))/.test(p.replace(/^dist\//, '')) && !/\.map$/.test(p),
  )
  if (foreign.length > 0) throw new Error(`the package has what nobody needs: ${foreign.map((f) => f.path).join(', ')}`)
  if (size > maxBytes) throw new Error(`the package has ${size} bytes, more than ${maxBytes}`)
  run('npm', ['init', '-y'])
  run('npm', ['install', '--no-audit', '--no-fund', path.join(dir, filename)])

  const types = path.join(dir, 'types')
  mkdirSync(types)
  writeFileSync(
    path.join(types, 'consumer.mts'),
    `import { Engine, type AlertEvent } from 'shardline'
const engine: Engine = await Engine.start({ shards: 1 })
engine.onAlert((event: AlertEvent) => event.timeNs + 1n)
`,
  )
  const tsc = path.join(root, 'node_modules/.bin/tsc')
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node']
  run(tsc, [...flags, '--typeRoots', path.join(root, 'node_modules/@types'), path.join(types, 'consumer.mts')])

  const example = path.join(dir, 'busy.mjs')
  writeFileSync(example, readFileSync(path.join(root, 'docs/examples/embedding/busy.mjs')))
  const printed = run(process.execPath, [example])
  if (!printed.startsWith('CRITICAL 10.0.0.2: 136')) throw new Error(`the example printed ${printed}`)

  const port = 20_000 + Math.floor(Math.random() * 20_000)
  writeFileSync(
    path.join(dir, 'shardline.conf'),
    `hostname = "localhost"\ndata_dir = "${dir}/data"\n[http]\nbind-address = "127.0.0.1:${port}"\n[logging]\nfile = "${dir}/server.log"\n`,
  )
  const alerts = path.join(dir, 'alerts.log')
  writeFileSync(
    path.join(dir, 'high.tick'),
    `stream|from().measurement('m')|alert().crit(lambda: "v" > 1).message('{{ .Level }}').log('${alerts}')\n`,
  )
  const bin = (name) => path.join(dir, 'node_modules/.bin', name)
  server = spawn(bin('shardlined'), ['-config', path.join(dir, 'shardline.conf')], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await until('the server answers', () =>
    fetch(`${url}/kapacitor/v1/ping`).then(
      (r) => r.ok,
      () => false,
    ),
  )
  const cli = (...args) => run(bin('shardline'), ['-url', url, ...args])
  cli('define', 'high', '-tick', 'high.tick', '-dbrp', 'd.r')
  cli('enable', 'high')
  const written = await fetch(`${url}/write?db=d&rp=r&precision=s`, { method: 'POST', body: 'm v=2i 1\n' })
  if (written.status !== 204) throw new Error(`the write was answered ${written.status}`)
  await until('the alert', () => {
    try {
      return readFileSync(alerts, 'utf8').includes('"message":"CRITICAL"')
    } catch (err) {
      if (err.code === 'ENOENT') return false
      throw err
    }
  })
  console.log(
    `${filename}: ${files.length} files, ${(size / 1024).toFixed(0)} KiB packed; types, embedding, server and command line work`,
  )
} catch (err) {
  console.error(err.message)
  process.exitCode = 1
} finally {
  if (server !== undefined && server.exitCode === null) {
    server.kill('SIGTERM')
    await new Promise((resolve) => server.once('exit', resolve))
  }
  rmSync(dir, { recursive: true, force: true })
}
