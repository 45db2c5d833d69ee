/** The documents people meet first: links, commands, scripts and metrics that they name exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/cli/commands.js'
import { checkScript } from '../../src/compile/check-script.js'
import { freePort, root, TestServer, taskBody } from './server.js'

const guides = readdirSync(join(root, 'docs')).filter((f) => f.endsWith('.md'))
const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...guides.map((f) => `docs/${f}`)]
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const found = (file: string, pattern: RegExp): string[] => [...read(file).matchAll(pattern)].map((m) => m[1])

describe.each(files)('%s', (file) => {
  it('links to what exists', () => {
    const links = found(file, /\]\(([^)#\s]+)(?:#[^)]*)?\)/g).filter((l) => !/^https?:/.test(l))
    expect(links.filter((l) => !existsSync(join(root, dirname(file), l)))).toEqual([])
  })

  it('names commands that exist', () => {
    const known = new Set([...commands.map((c) => c.name), 'help'])
    expect(found(file, /npx shardline (?:-url \S+ )?([a-z][a-z-]*)/g).filter((n) => !known.has(n))).toEqual([])
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const npm = found(file, /npm (?:run )?(start|dev|test|coverage|demo|bench|docs|build|lint|typecheck|format)\b/g)
    expect(npm.filter((n) => scripts[n] === undefined)).toEqual([])
    expect(found(file, /node ((?:scripts|\.ci)\/[^\s`]+\.mjs)/g).filter((f) => !existsSync(join(root, f)))).toEqual([])
  })

  it('shows scripts without mistakes', () => {
    for (const script of found(file, /```js\n([\s\S]*?)```/g)) expect(checkScript(script)).toEqual([])
  })
})

it('CONTRIBUTING.md names files that exist', () => {
  const named = found(
    'CONTRIBUTING.md',
    /(?:`|npx vitest (?:run|related --run) )((?:src|test|docs|grammar|scripts|\.ci)\/[\w./-]+)/g,
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((name) => !existsSync(join(root, name)) && !/METHOD|KIND/.test(name))).toEqual([])
})

it('names metrics that a server has', async () => {
  const server = await TestServer.start({
    config: `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${await freePort()}"\ndatabase = "db"`,
  })
  await server.json('POST', '/tasks', taskBody('m'))
  const text = await (await fetch(`${server.url}/metrics`)).text()
  await server.stop()
  const names = new Set(text.split('\n').map((l) => /^# TYPE (\w+)/.exec(l)?.[1]))
  // The demo reads metrics by their names, too.
  const named = [...files, 'src/demo/server.ts'].flatMap((f) => found(f, /\b(shardline_[a-z_0-9]+[a-z0-9])/g))
  expect(named.length).toBeGreaterThan(15)
  expect(named.filter((n) => !names.has(n))).toEqual([])
})
