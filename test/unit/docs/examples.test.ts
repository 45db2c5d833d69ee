/**
 * The examples of the reference do what they say. With UPDATE_EXAMPLES=1 their outputs are written anew, to be read before
 * they are committed.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { checkScript } from '../../../src/compile/check-script.js'
import { parseExample, withOutput } from '../../../src/docs/example.js'
import { documentedNodes } from '../../../src/docs/nodes.js'
import { sideloadKeys } from '../../../src/operators/outside/sideload.js'
import { format } from '../../../src/tickscript/format.js'
import { ScriptRun } from './script-run.js'

const folder = join(import.meta.dirname, '../../../docs/examples/nodes')
const files = readdirSync(folder)

it('every node has an example', () => {
  const missing = documentedNodes()
    .map((def) => def.method)
    .filter((method) => !existsSync(join(folder, `${method}.tick`)))
  expect(missing, `add docs/examples/nodes/NODE.tick for: ${missing.join(', ')}`).toEqual([])
})

it('every example is of a node', () => {
  const methods = new Set(documentedNodes().map((def) => def.method))
  expect(files.filter((file) => !methods.has(basename(file, '.tick')))).toEqual([])
})

/** `file PATH YAML` lines are the files of a sideload. */
function splitFiles(input: string): { rows: string; contents: Map<string, Record<string, unknown>> } {
  const contents = new Map<string, Record<string, unknown>>()
  const rows = input.split('\n').filter((line) => {
    const m = /^file (\S+) (.*)$/.exec(line)
    if (m !== null) contents.set(m[1], parseYaml(m[2]) as Record<string, unknown>)
    return m === null
  })
  return { rows: rows.join('\n'), contents }
}

describe('examples', () => {
  it.each(files)('%s', (file) => {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8')
    const example = parseExample(text)
    expect(example.title).toMatch(/^[A-Z].*\.$/)
    expect(format(example.script).trim()).toBe(example.script.trim())
    const unused = /^a value alone/
    expect(checkScript(example.script).filter((d) => !unused.test(d.message))).toEqual([])
    expect(example.script).toContain(basename(file, '.tick'))
    const { rows, contents } = splitFiles(example.input)
    const run = new ScriptRun(example.script, {
      nodeData({ node }) {
        if (node.def.method !== 'sideload') return undefined
        const keys = sideloadKeys(node)
        const cells = [...contents.values()].map((values) => keys.map(({ name }) => values[name]))
        return { paths: [...contents.keys()], cells }
      },
    })
    const output = run.run(rows)
    run.dispose()
    if (process.env.UPDATE_EXAMPLES === '1') writeFileSync(path, withOutput(text, output))
    else expect(output).toBe(example.output === '' ? '' : `${example.output}\n`)
  })
})
