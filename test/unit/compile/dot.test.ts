import { expect, it } from 'vitest'
import { statsDot } from '../../../src/compile/dot.js'
import type { TaskStatsView } from '../../../src/transport/stats-view.js'
import { run } from '../tickscript/nodes.js'

const { pipeline } = run('var a = stream|from() a|log() a|alert()')

const counters = { errors: 0, working_cardinality: 0, collected: 12, emitted: 24 }
const node = { stateBytes: 0 }
const view: TaskStatsView = {
  throughput: 6.987,
  nodes: [
    { ...node, name: 'stream0', counters: { ...counters, avg_exec_time_ns: 0 } },
    { ...node, name: 'from1', counters: { ...counters, avg_exec_time_ns: 45_655, errors: 3 } },
    { ...node, name: 'alert3', counters: { ...counters, alerts_triggered: 1, avg_exec_time_ns: 764 } },
    { ...node, name: 'log2', counters },
  ],
  edges: [
    { parent: 'stream0', child: 'from1', processed: 12 },
    { parent: 'from1', child: 'alert3', processed: 12 },
    { parent: 'from1', child: 'log2', processed: 11 },
  ],
  delivered: 0,
  processed: 0,
  inRing: 0,
  dropped: {},
  stateBytes: [],
  groups: 0,
}

it('attributes', () => {
  expect(statsDot('my_task', pipeline, view, 'attributes')).toBe(
    `digraph my_task {
graph [throughput="6.99 points/s"];

stream0 [avg_exec_time_ns="0s" errors="0" working_cardinality="0" ];
stream0 -> from1 [processed="12"];

from1 [avg_exec_time_ns="45.655µs" errors="3" working_cardinality="0" ];
from1 -> alert3 [processed="12"];
from1 -> log2 [processed="11"];

alert3 [alerts_triggered="1" avg_exec_time_ns="764ns" errors="0" working_cardinality="0" ];

log2 [avg_exec_time_ns="0s" errors="0" working_cardinality="0" ];
}`,
  )
})

it('labels', () => {
  const text = statsDot('t', pipeline, view, 'labels')
  expect(text).toContain('graph [label="Throughput: 6.99 points/s" forcelabels=true pad="0.8,0.5"];\n\nstream0')
  expect(text).toContain('from1 [xlabel="avg_exec_time_ns=45.655µs\\rerrors=3\\rworking_cardinality=0"];\n')
  expect(text).toContain('from1 -> log2 [label="processed=11"];\n\nalert3')
})

it('batch tasks count batches', () => {
  expect(statsDot('t', { ...pipeline, type: 'batch' }, view, 'attributes')).toContain('throughput="6.99 batches/s"')
})
