/** `npm run dev` in a copy of the project: a change is built, served and tested; Ctrl-C ends everything. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort, root } from './server.js'

let dir: string
let dev: ChildProcess
let output = ''
let url: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-dev-'))
  for (const name of [
    'src',
    'grammar',
    'native-free-bench',
    'scripts',
    'package.json',
    'tsconfig.json',
    'vitest.config.ts',
  ]) {
    cpSync(join(root, name), join(dir, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  mkdirSync(join(dir, 'test'))
  for (const name of ['version', 'durations']) {
    const text = `import { expect, it } from 'vitest'\nimport * as it0 from '../src/${name}.js'\nit('${name} loads', () => expect(it0).toBeDefined())\n`
    writeFileSync(join(dir, `test/${name}.test.ts`), text)
  }
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const config = join(dir, 'dev.conf')
  writeFileSync(
    config,
    `hostname = "localhost"
data_dir = ${JSON.stringify(join(dir, 'data'))}
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
[engine]
shards = 1
[replay]
dir = ${JSON.stringify(join(dir, 'data/replay'))}
[logging]
file = "STDOUT"
`,
  )
  dev = spawn(process.execPath, ['scripts/dev.mjs', '-config', config], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [dev.stdout, dev.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
})

afterAll(async () => {
  if (dev.exitCode === null && dev.signalCode === null) {
    dev.kill('SIGTERM')
    await once(dev, 'close')
  }
  rmSync(dir, { recursive: true, force: true })
})

async function until<T>(probe: () => Promise<T | undefined> | T | undefined, what: string): Promise<T> {
  const deadline = Date.now() + 120_000
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${what} did not happen:\n${output.slice(-4000)}`)
    await sleep(50)
  }
}

const version = async (): Promise<string | undefined> => {
  try {
    return (await fetch(`${url}/kapacitor/v1/ping`)).headers.get('x-kapacitor-version') ?? undefined
  } catch (err) {
    if (err instanceof TypeError) return undefined
    throw err
  }
}
const isVersion = (wanted: string) => async () => ((await version()) === wanted ? true : undefined)
const says = (text: string) => () => (output.includes(text) ? true : undefined)

it('builds, serves, tests what changed, and ends with all it started', { timeout: 400_000 }, async () => {
  const file = join(dir, 'src/version.ts')
  const source = readFileSync(file, 'utf8')
  const old = await until(version, 'the first server')
  await until(says('watching'), 'watching')
  expect(output).not.toContain('Test Files')

  writeFileSync(file, source.replace(`'${old}'`, "'dev.1'"))
  await until(isVersion('dev.1'), 'a server of the new source')
  await until(says('Test Files'), 'the tests of what changed')
  expect(output).toMatch(/Tests .*1 passed/)
  expect(output).not.toContain('2 passed')

  // What cannot be built leaves the server as it is.
  writeFileSync(file, `${source.replace(`'${old}'`, "'dev.2'")}\nexport const wrong: string = 5\n`)
  await until(says('the build failed; the server runs on as it is'), 'a failed build')
  expect(await version()).toBe('dev.1')

  writeFileSync(file, source.replace(`'${old}'`, "'dev.2'"))
  await until(isVersion('dev.2'), 'a server of the mended source')

  dev.kill('SIGINT')
  await once(dev, 'close')
  expect(dev.exitCode).toBe(130)
  expect(await version()).toBeUndefined()
})
