/** What the nodes' effects mean for the plan: partition keys and the cells that edges carry. */
import { describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { planTask } from '../../../src/plan/plan.js'
import type { TaskPlan } from '../../../src/plan/task-plan.js'

function planOf(script: string): TaskPlan {
  const { pipeline } = evaluateScript(script, {})
  return planTask(pipeline, { taskId: 't', shards: 4 })
}

const window = "|window().period(1s).every(1s)|httpOut('o')"

describe('partition keys', () => {
  it.each([
    ["stream|from().groupBy('ip', 'id')|groupBy('ip')" + window, { kind: 'tags', tags: ['ip'] }],
    ["stream|from().groupBy('host', 'dc')|delete().tag('host')" + window, { kind: 'tags', tags: ['dc'] }],
    ["stream|from().groupBy(*)|delete().tag('host')" + window, { kind: 'series', exclude: ['host'] }],
    ["stream|from().groupBy(*)|derivative('v')", { kind: 'series', exclude: [] }],
    ["stream|from().groupBy('h')|barrier().idle(1s)", { kind: 'tags', tags: ['h'] }],
    ["stream|from().groupBy('h')|sample(2)", { kind: 'tags', tags: ['h'] }],
    ['stream|from()|sample(2s)|where(lambda: "v" > 1)|shift(1s)|log()', { kind: 'series', exclude: [] }],
    ["stream|from().groupBy('h')|where(lambda: count() > 1)", { kind: 'tags', tags: ['h'] }],
    ["stream|from().groupBy('h')|default().tag('x', 'y')" + window, { kind: 'tags', tags: ['h'] }],
  ])('%s', (script, partition) => {
    expect(planOf(script).partition).toEqual(partition)
  })

  it.each([
    ["stream|from().groupBy('dc')|default().tag('dc', 'home')" + window, 'default'],
    ["stream|from().groupBy('h')|eval(lambda: \"a\").as('h').tags('h')" + window, 'eval'],
    ["stream|from().groupBy('h').where(lambda: count() > 1)", 'where with shared state'],
    ["stream|from()|httpPost('http://h/')", 'ungrouped httpPost'],
    ['stream|from()|where(lambda: count() > 1)', 'ungrouped state'],
    ["var l = lambda: count() > 1 stream|from().groupBy('h')|where(lambda: l AND TRUE)", 'nested state'],
    [
      "stream|from().groupBy('h')|window().period(1s).every(1s)|default().tag('x', 'y')|httpOut('o')|where(lambda: count() > 1)",
      '',
    ],
  ])('one shard: %s', (script, why) => {
    const { partition } = planOf(script)
    if (why === '') expect(partition).toEqual({ kind: 'tags', tags: ['h'] })
    else expect(partition.kind).toBe('pinned')
  })
})

describe('cells that edges carry', () => {
  it('are those that some node reads', () => {
    const plan = planOf(
      'stream|from().groupBy(\'h\').where(lambda: "a" > 1)|eval(lambda: "b" + "c").as(\'d\')|derivative(\'d\')',
    )
    expect(plan.reads).toEqual(['a', 'b', 'c', 'd', 'h'])
    const from = plan.nodes.find((n) => n.node.def.method === 'from')!
    expect(from.needs.fields).toEqual(expect.arrayContaining(['b', 'c']))
    expect(from.needs.fields).not.toContain('a')
  })

  it('are all fields in front of a node that hands out whole points', () => {
    const plan = planOf("stream|from()|httpOut('o')")
    const from = plan.nodes.find((n) => n.node.def.method === 'from')!
    expect(from.needs).toEqual({ fields: null, tags: null })
    const after = planOf("stream|from()|eval(lambda: \"v\").as('d')|httpOut('o')")
    expect(after.nodes.find((n) => n.node.def.method === 'from')!.needs.fields).toEqual(['v'])
  })
})
