/** What planning a script may cost. */
import { describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { planTask } from '../../../src/plan/plan.js'
import type { TaskPlan } from '../../../src/plan/task-plan.js'

const planOf = (nodes: string): TaskPlan =>
  planTask(evaluateScript(`stream|from()${nodes}`, {}).pipeline, { taskId: 't', shards: 2 })
const times = (n: number, text: (i: number) => string): string => Array.from({ length: n }, (_, i) => text(i)).join('')

describe('a plan', () => {
  it('of nodes that each read another tag is refused beyond half a million names', () => {
    const nodes = (n: number) => `${times(n, (i) => `|groupBy('t${i}')`)}|sum('v')`
    expect(planOf(nodes(300)).reads).toHaveLength(301)
    expect(() => planOf(nodes(1900))).toThrow('the nodes hand on more than 500000 names of tags and fields')
  })

  it('of nodes that each write another tag is refused likewise', () => {
    const nodes = (n: number) =>
      `${times(n, (i) => `|eval(lambda: 'a').as('t${i}').tags('t${i}').keep()`)}|groupBy(*)|sum('v')`
    expect(planOf(nodes(300)).partition.kind).toBe('series')
    expect(() => planOf(nodes(1900))).toThrow('the nodes hand on more than 500000 names of tags and fields')
  })
})
