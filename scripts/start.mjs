// npm start: builds when dist is missing or older than the sources, then runs a server with its store under ./data.
// Arguments go to the server: npm start -- -config my.conf
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build, isBuilt } from './build.mjs'

const root = path.resolve(import.meta.dirname, '..')
const daemon = path.join(root, 'dist/src/daemon.js')
const dataDir = path.join(root, 'data')

const args = process.argv.slice(2)
const ownConfig = args.some((a) => /^--?config(=|$)/.test(a))

function writeConfig() {
  mkdirSync(dataDir, { recursive: true })
  const file = path.join(dataDir, 'shardline.conf')
  if (!existsSync(file)) {
    writeFileSync(
      file,
      `# Written by npm start; yours to change. All options: npx shardlined config
hostname = "localhost"
data_dir = ${JSON.stringify(dataDir)}

# Writes without a retention policy belong to this one, as InfluxDB's default is called.
default-retention-policy = "autogen"

[http]
  # This machine only. ":9092" lets others in.
  bind-address = "127.0.0.1:9092"
  log-enabled = false

[storage]
  path = ${JSON.stringify(path.join(dataDir, 'shardline.lmdb'))}

[replay]
  dir = ${JSON.stringify(path.join(dataDir, 'replay'))}

[logging]
  level = "INFO"
`,
    )
  }
  return file
}

/** Where the server will listen: the environment wins over the file, which may have been changed since it was written. */
function address(file) {
  const inFile = /^\s*bind-address\s*=\s*"([^"]+)"/m.exec(readFileSync(file, 'utf8'))
  const { SHARDLINE_HTTP_BIND_ADDRESS: own, KAPACITOR_HTTP_BIND_ADDRESS: original } = process.env
  const bind = own || original || (inFile?.[1] ?? ':9092')
  return bind.startsWith(':') ? `localhost${bind}` : bind
}

async function answers(url) {
  try {
    return (await fetch(`${url}/kapacitor/v1/ping`)).status === 204
  } catch (err) {
    if (!(err instanceof TypeError)) throw err
    return false
  }
}

if (!isBuilt()) {
  console.error('Building …')
  const code = await build()
  if (code !== 0) process.exit(code)
}
const file = ownConfig ? undefined : writeConfig()
const serverArgs = ownConfig ? args : ['-config', file, ...args]
const url = file === undefined ? undefined : `http://${address(file)}`
// Somebody else is there already: the server will say so.
const taken = url !== undefined && (await answers(url))
// A process group of its own, and one signal for what Ctrl-C and npm together send: a second signal ends the server hard.
const server = spawn(process.execPath, [daemon, ...serverArgs], { cwd: root, stdio: 'inherit', detached: true })
const togetherMs = 1000
let signalledMs = 0
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (Date.now() - signalledMs < togetherMs) return
    signalledMs = Date.now()
    server.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
  })
}
server.on('exit', (code, signal) => process.exit(signal === null ? code : 1))

if (url !== undefined && !taken) {
  while (!(await answers(url))) await new Promise((resolve) => setTimeout(resolve, 100))
  const option = url.endsWith(':9092') ? '' : ` -url ${url}`
  console.error(`
Shardline listens on ${url}; its data is in ${path.relative(process.cwd(), dataDir) || '.'}.

Try, in another terminal:

  printf "stream|from().measurement('cpu')|httpOut('last')" > first.tick
  npx shardline${option} define first -tick first.tick -dbrp demo.autogen
  npx shardline${option} enable first
  curl -XPOST '${url}/write?db=demo' --data-binary 'cpu,host=a usage=12.5'
  curl ${url}/kapacitor/v1/tasks/first/last
  npx shardline${option} show first
`)
}
