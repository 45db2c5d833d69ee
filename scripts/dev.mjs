// npm run dev: builds, runs a server as npm start does, and watches: a changed source is built, the server started again, and the
// tests that depend on what changed are run. Ctrl-C ends all of it. Arguments go to the server, but for --no-server, --no-tests.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { watch } from 'chokidar'
import { build } from './build.mjs'

const root = path.resolve(import.meta.dirname, '..')
const given = process.argv.slice(2)
const serverArgs = given.filter((arg) => arg !== '--no-server' && arg !== '--no-tests')
const wants = { server: !given.includes('--no-server'), tests: !given.includes('--no-tests') }

/** Editors write several files at once; what comes within this time is one change. */
const settleMs = 150
/** How long a program may take to end before it is told once more, which ends a server hard. */
const stopMs = 10_000

const say = (text) => console.error(`\u001b[2m[dev]\u001b[0m ${text}`)

/** A program that is started and stopped again and again. */
class Runner {
  child
  #ended

  constructor(name, command) {
    this.name = name
    this.command = command
  }

  start(args) {
    const child = spawn(process.execPath, [...this.command, ...args], { cwd: root, stdio: 'inherit' })
    this.child = child
    this.#ended = new Promise((resolve) => {
      child.once('error', (err) => {
        say(`${this.name} cannot be started: ${err.message}`)
        resolve()
      })
      child.once('exit', (code, signal) => {
        if (this.child === child) {
          this.child = undefined
          if (code !== 0) say(`${this.name} ended with ${signal ?? code}; waiting for a change`)
        }
        resolve()
      })
    })
  }

  async stop() {
    const { child } = this
    if (child === undefined) return
    this.child = undefined
    child.kill('SIGTERM')
    const again = setTimeout(() => child.kill('SIGTERM'), stopMs)
    await this.#ended
    clearTimeout(again)
  }
}

const server = new Runner('the server', [path.join(root, 'scripts/start.mjs')])
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
const tests = new Runner('a test', [vitest, 'related', '--run', '--reporter=dot', '--passWithNoTests'])

const isTest = (file) => file.startsWith('test/')
const isProgram = (file) => /^(?:src|grammar|native-free-bench)\//.test(file) || /^tsconfig/.test(file)

let changed = new Set()
let working = Promise.resolve()
let timer
let ending = false

function noticed(file) {
  changed.add(path.relative(root, path.resolve(root, file)).replaceAll(path.sep, '/'))
  clearTimeout(timer)
  timer = setTimeout(() => {
    working = working.then(apply).catch((err) => say(err.stack))
  }, settleMs)
}

async function apply() {
  const files = [...changed]
  changed = new Set()
  if (files.length === 0 || ending) return
  say(`changed: ${files.slice(0, 5).join(', ')}${files.length > 5 ? ` and ${files.length - 5} more` : ''}`)
  await tests.stop()
  if (files.some(isProgram)) {
    if ((await build()) !== 0) {
      say(`the build failed; ${server.child === undefined ? 'no server runs' : 'the server runs on as it is'}`)
      return
    }
    if (wants.server) {
      await server.stop()
      if (!ending) server.start(serverArgs)
    }
  }
  // More has changed meanwhile: the tests of all of it are run then.
  if (changed.size > 0) {
    for (const file of files) changed.add(file)
    return
  }
  const tested = files.filter(
    (file) => file.endsWith('.ts') && (isTest(file) || isProgram(file)) && existsSync(path.join(root, file)),
  )
  if (wants.tests && tested.length > 0 && !ending) tests.start(tested)
}

async function end(signal) {
  if (ending) return
  ending = true
  clearTimeout(timer)
  await Promise.all([watcher.close(), tests.stop(), server.stop()])
  await working
  await Promise.all([tests.stop(), server.stop()])
  process.exit(signal === 'SIGINT' ? 130 : 143)
}

const watcher = watch(['src', 'grammar', 'native-free-bench', 'test', 'tsconfig.json'], {
  cwd: root,
  ignoreInitial: true,
  ignored: (file) => /(?:^|[\\/])(?:generated|\.[^\\/]*|[^\\/]*~)$/.test(path.relative(root, path.resolve(root, file))),
})
watcher.on('all', (event, file) => {
  if (event === 'add' || event === 'change' || event === 'unlink') noticed(file)
})
watcher.on('error', (err) => say(`watching failed: ${err.message}`))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(signal))

working = build().then((code) => {
  if (code !== 0) say('the build failed; waiting for a change')
  else if (wants.server && !ending) server.start(serverArgs)
  say('watching src, grammar, native-free-bench and test; Ctrl-C ends')
})
