/** Nodes that keep rows hand on what a lambda further down reads as columns, also where everything is handed on. */
import { expect, it } from 'vitest'
import { ScriptTask } from './script-task.js'

const from = "stream|from().measurement('m').groupBy('h')"
const window = `${from}|window().periodCount(2).everyCount(2)`

const keepers: readonly [string, string][] = [
  ['window', window],
  ['groupBy of batches', `${window}|groupBy('k')`],
  ['groupBy of batches, by all tags', `${window}|groupBy(*)`],
  ['groupBy of regrouped batches', `${window}|groupBy('k')|groupBy('h')`],
  ['window of regrouped points', `${from}|groupBy('k')|window().periodCount(2).everyCount(2)`],
  ['union', `var a = ${from} var b = ${from} a|union(b)`],
  ['union of batches', `var a = ${window} var b = ${window} a|union(b)`],
  ['a node twice a parent', `var a = ${from} a|union(a)`],
  ['selector', `${from}|first('v').as('v')`],
  ['selector on batches', `${window}|last('v').as('v')`],
  ['top', `${from}|top(2, 'v', 'k').as('v')`],
  ['sample', `${from}|sample(1)`],
  ['shift', `${window}|shift(1s)`],
]

it.each(keepers)('%s', (_, script) => {
  const task = new ScriptTask(`${script}|where(lambda: isPresent("v") AND "v" >= 0.0 AND "k" != 'none')|httpOut('o')`, {
    reads: ['h', 'k', 'v'],
  })
  const where = task.nodes.find((n) => n.startsWith('where'))!
  const parent = task.task.runtime.plan.nodes.find((p) => p.node.name === where)!.parents[0].node.name
  task.output(parent)
  task.output(where)
  for (let s = 0; s < 10; s++) {
    for (const h of ['a', 'b']) task.write(`m,h=${h},k=k${s % 3} v=${s % 4},w=${s} @${s}`)
  }
  const handedOn = task.output(parent)
  expect(handedOn.length).toBeGreaterThan(3)
  expect(task.output(where)).toEqual(handedOn)
  expect(task.errors).toEqual([])
})
