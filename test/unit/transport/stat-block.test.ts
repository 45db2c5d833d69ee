import { describe, expect, it } from 'vitest'
import { taskLayout } from '../../../src/plan/task-layout.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { type NodeDef, PipelineNode } from '../../../src/tickscript/node-def.js'
import { StatBlock, StatPart, TaskCell } from '../../../src/transport/stat-block.js'

function planned(kind: string, id: number, counters: string[] = []): PlannedNode {
  const def = { method: kind, kind, goType: '', doc: '', accepts: 'any', emits: 'same', args: [], properties: [] }
  const node = new PipelineNode({ ...def, counters } as unknown as NodeDef)
  node.id = id
  const needs = { fields: null, tags: null }
  return { node, index: id, parents: [], children: [], needs, reads: [], groupedBy: [], fusion: 'none' }
}

function plan(): TaskPlan {
  const nodes = [
    planned('stream', 0),
    planned('from', 1),
    planned('default', 2, ['fields_defaulted']),
    planned('log', 3),
  ]
  const edge = (a: number, b: number): void => {
    nodes[a].children.push(nodes[b])
    nodes[b].parents.push(nodes[a])
  }
  edge(0, 1)
  edge(1, 2)
  edge(1, 3)
  return { nodes } as unknown as TaskPlan
}

describe('statistics block', () => {
  it('sums the shards’ cells into the view of a task', () => {
    const block = new StatBlock(2, 4096)
    const layout = taskLayout(plan())
    const offset = block.allocate(layout.cells)
    block.main.addTask(offset, TaskCell.delivered, 10)
    block.main.drop(offset, 'shed', 2)
    for (let s = 0; s < 2; s++) {
      const part = StatPart.of(block.sab, s, 4096)
      part.addTask(offset, TaskCell.processed, 2)
      part.drop(offset, 'error', 1)
      part.edge(offset, layout.edges[0])(3)
      part.edge(offset, layout.edges[2])(2)
      const node = part.node(offset, layout.nodes[2])
      node.add('fields_defaulted', 4)
      node.add('errors', 1)
      node.set('avg_exec_time_ns', 100 * (s + 1))
      node.add('undeclared', 5)
      part.set(offset + TaskCell.stateBytes, 4096 * (s + 1))
    }
    const view = block.taskView(offset, layout, 7)
    expect(view.nodes.map((n) => n.name)).toEqual(['stream0', 'from1', 'default2', 'log3'])
    expect(view.nodes[0].counters).toMatchObject({ collected: 6, emitted: 6 })
    expect(view.nodes[1].counters).toMatchObject({ collected: 6, emitted: 4, errors: 0 })
    expect(view.nodes[2].counters).toEqual({
      collected: 0,
      emitted: 0,
      errors: 2,
      working_cardinality: 0,
      avg_exec_time_ns: 200,
      fields_defaulted: 8,
    })
    expect(view.edges).toEqual([
      { parent: 'stream0', child: 'from1', processed: 6 },
      { parent: 'from1', child: 'default2', processed: 0 },
      { parent: 'from1', child: 'log3', processed: 4 },
    ])
    expect([view.delivered, view.processed, view.dropped.shed, view.dropped.error, view.inRing]).toEqual([
      10, 4, 2, 2, 2,
    ])
    expect(view.stateBytes).toEqual([4096, 8192])
    expect(view.throughput).toBe(7)
  })

  it('reuses regions, zeroed, and says when it is full', () => {
    const block = new StatBlock(1, 256)
    const a = block.allocate(100)
    const b = block.allocate(100)
    expect(block.allocate(100)).toBe(-1)
    block.main.addTask(a, 5, 9)
    block.release(a, 100)
    block.release(b, 100)
    const c = block.allocate(200)
    expect(c).toBe(a)
    expect(block.sum(c, 5)).toBe(0)
  })
})
