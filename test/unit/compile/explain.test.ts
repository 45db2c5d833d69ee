import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { type Explanation, explainPipeline, explainText } from '../../../src/compile/explain.js'
import { ScriptRun } from '../docs/script-run.js'

const fixtures = join(import.meta.dirname, '../../fixtures/explain')
const scripts = readdirSync(fixtures).filter((name) => name.endsWith('.tick'))
const scriptOf = (name: string): string => readFileSync(join(fixtures, name), 'utf8')

function explained(script: string, shards = 4): Explanation {
  return explainPipeline(evaluateScript(script, {}).pipeline, { taskId: 'task', shards })
}

/** Bytes change with every better layout; the test below measures them. */
const withoutBytes = (text: string): string =>
  text.replaceAll(/\d+ bytes per group/g, 'N bytes per group').replaceAll(/, \d+ per row/g, ', N per row')

describe('the plan as text', () => {
  it.each(scripts)('%s', async (name) => {
    const text = withoutBytes(explainText(explained(scriptOf(name))))
    await expect(text).toMatchFileSnapshot(join(fixtures, `${basename(name, '.tick')}.txt`))
  })
})

const window = "|window().period(1s).every(1s)|httpOut('o')"

describe('partition keys', () => {
  it.each([
    ["stream|from().groupBy('ip', 'id')|groupBy('ip')" + window, 'by the tags ip', 'window3 keeps state per ip'],
    ["stream|from().groupBy('ip', 'id')" + window, 'by the tags id, ip', 'window2 keeps state per id, ip'],
    ['stream|from().groupBy(*)' + window, 'by all tags of a point', 'window2 keeps state per every tag'],
    ["stream|from().groupBy(*)|groupBy('a', 'b')" + window, 'by the tags a, b', 'window3 keeps state per a, b'],
    [
      "stream|from().groupBy('host', 'dc')|delete().tag('host')" + window,
      'by the tags dc',
      'window3 keeps state per dc',
    ],
    [
      'stream|from()|where(lambda: "x" > 1)',
      'by all tags of a point',
      'no node keeps state: hashed by the whole series',
    ],
    ['stream|from()' + window, 'none: the whole task is on shard 1 of 4', 'window2 keeps state per (none): one shard'],
    [
      "var a = stream|from().groupBy('h') var b = stream|from().groupBy('h') a|union(b)" + window,
      'none: the whole task is on shard 1 of 4',
      /^union\d+ /,
    ],
    [
      "stream|from().groupBy('h').where(lambda: count() > 1)",
      'none: the whole task is on shard 1 of 4',
      /^from1 .*one shard$/,
    ],
    [
      "stream|from().groupBy('h', 'k')|alert().id('{{ .Tags.h }}')",
      'by the tags h',
      'alert2 keeps state per h, as its groups may share an alert id',
    ],
    [
      "stream|from().groupBy(*)|alert().id('x/{{ .Tags.h }}')",
      'by the tags h',
      'alert2 keeps state per h, as its groups may share an alert id',
    ],
    [
      "stream|from().groupBy('h', 'k')|alert().id('fixed')",
      'none: the whole task is on shard 1 of 4',
      'alert2 keeps state per (none), as its groups may share an alert id: one shard',
    ],
    ["stream|from().groupBy('h', 'k')|alert()", 'by the tags h, k', 'alert2 keeps state per h, k'],
    [
      "stream|from().groupBy('h', 'k')|alert().id('{{ .Tags.k }} on {{ .Tags.h }}')",
      'by the tags h, k',
      'alert2 keeps state per h, k',
    ],
    ["stream|from().groupBy('h')|stats(1s)|log()", 'none: the whole task is on shard 1 of 4', /^stats\d+ .*one shard$/],
  ])('%s', (script, key, reason) => {
    const text = explainText(explained(script))
    const [, partition, because] = /^partition {5}(.*)\n {14}because (.*)$/m.exec(text)!
    expect(partition).toBe(key)
    if (typeof reason === 'string') expect(because).toBe(reason)
    else expect(because).toMatch(reason)
  })
})

describe('windows', () => {
  const plain = 'stream|from()|window().period(1m).every(10s)'
  it.each([
    [`${plain}.align()|sum('v')`, 'panes', 'only sum3 read it'],
    [`${plain}|sum('v')`, 'rows', 'it slides without being aligned'],
    [`${plain}.align()|percentile('v', 95.0)`, 'rows', 'percentile3 needs the rows'],
    ["stream|from()|window().period(1m).every(1m)|mean('v')", 'panes', 'only mean3 read it'],
    ["stream|from()|window().period(1m).every(0s)|mean('v')", 'rows', 'it emits on every row'],
    ["stream|from()|window().periodCount(5).everyCount(5)|mean('v')", 'rows', 'it is counted in rows'],
    ["stream|from()|window().period(1h).every(7s).align()|mean('v')", 'rows', 'it would need more than 128 panes'],
    ['stream|from()|window().period(1h).every(1h)', 'rows', 'nothing reads it'],
  ])('%s', (script, keeps, why) => {
    const node = explained(script).nodes.find((n) => n.method === 'window')!
    expect({ keeps: node.keeps, why: node.why }).toEqual({ keeps, why })
  })
})

describe('memory', () => {
  const groups = 20_000

  /** State of the nodes after `rowsOf(group)` for every group, per group. */
  function measured(script: string, rounds: number, row: (g: number, round: number) => string): Map<string, number> {
    const run = new ScriptRun(script, { budgetBytes: 1 << 30 })
    for (let round = 0; round < rounds; round++) {
      run.run(Array.from({ length: groups }, (_, g) => row(g, round)).join('\n'))
    }
    const bytes = new Map([...run.stateBytes()].map(([name, total]) => [name, total / groups]))
    run.dispose()
    return bytes
  }

  const tag = (prefix: string, g: number): string => `${prefix}${String(g).padStart(15, '0')}`

  it('of top_combined.tick is what a run takes', () => {
    const script = scriptOf('top_combined.tick')
    const { nodes } = explained(script)
    // One row in each of the twelve panes; the last ones cross the alerts' thresholds.
    const bytes = measured(
      script,
      14,
      (g, round) => `combined,ip=${tag('i', g)},id=${tag('d', g)} count=30000 ${1_600_000_000 + 5 * round}`,
    )
    let estimate = 0
    let total = 0
    for (const { name, memory } of nodes) {
      estimate += memory!.bytesPerGroup
      total += bytes.get(name) ?? 0
      if (memory!.bytesPerGroup >= 40)
        expect([name, (bytes.get(name) ?? 0) / memory!.bytesPerGroup]).toEqual([name, expect.closeTo(1.1, 0)])
    }
    expect(total / estimate).toBeGreaterThan(0.9)
    expect(total / estimate).toBeLessThan(1.25)
  })

  it('of rows in windows is what a run takes', () => {
    const script = "stream|from().measurement('m').groupBy('h')|window().period(1m).every(50s)|mean('v')|httpOut('o')"
    const window = explained(script).nodes.find((n) => n.method === 'window')!
    const row = (g: number, round: number): string => `m,h=${tag('h', g)} v=${round} ${1_600_000_000 + round}`
    const short = measured(script, 8, row).get('window2')!
    const long = measured(script, 24, row).get('window2')!
    expect((long - short) / 16 / window.memory!.bytesPerRow).toBeGreaterThan(0.9)
    expect((long - short) / 16 / window.memory!.bytesPerRow).toBeLessThan(1.2)
  })
})

describe('as JSON', () => {
  it('has the partition, the columns and the nodes', () => {
    const plan = explained(scriptOf('top_combined.tick'), 2)
    expect(plan).toMatchObject({
      type: 'stream',
      shards: 2,
      partition: { kind: 'tags', tags: ['id', 'ip'], reason: 'barrier2 keeps state per id, ip' },
      measurements: ['combined'],
      columns: ['count', 'id', 'ip'],
    })
    expect(plan.nodes.map((n) => [n.name, n.parents, n.edge, n.keeps])).toEqual([
      ['stream0', [], 'stream', 'nothing'],
      ['from1', ['stream0'], 'stream', 'groups'],
      ['barrier2', ['from1'], 'stream', 'groups'],
      ['window3', ['barrier2'], 'batch', 'panes'],
      ['sum4', ['window3'], 'stream', 'inside'],
      ['alert6', ['sum4'], 'stream', 'groups'],
      ['alert5', ['sum4'], 'stream', 'groups'],
    ])
    for (const { memory } of plan.nodes) expect(memory).not.toBeNull()
    expect(plan.bytesPerGroup).toBeGreaterThan(200)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })
})
