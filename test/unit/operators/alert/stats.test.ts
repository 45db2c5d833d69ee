import { describe, expect, it } from 'vitest'
import { bareDot } from '../../../../src/compile/dot.js'
import { evaluateScript } from '../../../../src/compile/evaluate-script.js'
import { statsDef } from '../../../../src/operators/alert/stats.js'
import { planTask } from '../../../../src/plan/plan.js'
import { ScriptTask } from '../script-task.js'

const reads = ['v', 'h']

describe('stats', () => {
  it('tells the running total of the first child edge every interval', () => {
    const t = new ScriptTask("stream|from().measurement('m')|stats(1s)", { startMs: 10_000, reads })
    expect(t.nodes).toEqual(['stream0', 'from1', 'noop3', 'stats2'])
    t.output('stats2')
    t.write('m v=1 @1', 'm v=2 @2', 'n v=3 @3')
    t.advance(10_999)
    expect(t.output('stats2')).toEqual([])
    t.advance(11_000)
    expect(t.output('stats2')).toEqual(['stats emitted=2i @11'])
    t.write('m v=3 @3')
    t.advance(13_500)
    expect(t.output('stats2')).toEqual(['stats emitted=3i @12', 'stats emitted=3i @13'])
  })

  it('without a group: one ungrouped 0, until there is one', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|stats(1s)", { reads })
    t.output('stats2')
    t.advance(2000)
    expect(t.output('stats2')).toEqual(['stats emitted=0i @1', 'stats emitted=0i @2'])
    t.write('m,h=a v=1 @1', 'm,h=b v=1 @1', 'm,h=a v=1 @1', 'm v=1 @1')
    t.advance(3000)
    expect(t.output('stats2')).toEqual(['stats,h=a emitted=2i @3', 'stats,h=b emitted=1i @3', 'stats,h= emitted=1i @3'])
  })

  it('deleted groups disappear and start from 0 again', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|barrier().idle(1s).delete(TRUE)|stats(600ms)", { reads })
    t.output('stats3')
    t.write('m,h=a v=1 @1', 'm,h=a v=1 @2')
    t.advance(1200)
    expect(t.output('stats3')).toEqual(['stats,h=a emitted=2i @600000000n', 'stats emitted=0i @1200000000n'])
    t.write('m,h=a v=1 @1')
    t.advance(1800)
    expect(t.output('stats3')).toEqual(['stats,h=a emitted=1i @1800000000n'])
  })

  it('counts points of batches, and knows groups of empty ones', () => {
    const t = new ScriptTask(
      'stream|from().groupBy(\'h\')|window().period(10s).every(10s).align()|where(lambda: "v" > 1)|stats(1s)',
      { reads },
    )
    t.output('stats4')
    t.write('m,h=a v=1 @1', 'm,h=a v=2 @2', 'm,h=a v=3 @3', 'm,h=b v=1 @4')
    t.write('m,h=a v=1 @11', 'm,h=b v=1 @12')
    t.advance(1000)
    expect(t.output('stats4')).toEqual(['stats,h=a emitted=2i @1', 'stats,h=b emitted=0i @1'])
  })

  it('a watched window keeps its rows', () => {
    const t = new ScriptTask("var w = stream|from()|window().period(10s).every(10s).align() w|mean('v') w|stats(1s)", {
      reads,
    })
    expect(t.task.runtime.plan.nodes.every((n) => n.fusion === 'none')).toBe(true)
    t.output('stats4')
    t.output('mean3')
    t.write('m v=1 @1', 'm v=2 @2', 'm v=3 @11')
    t.advance(1000)
    expect(t.output('mean3')).toEqual(['m mean=1.5 @10'])
    expect(t.output('stats4')).toEqual(['stats emitted=2i @1'])
  })

  it('counts the first child edge only, once for each node that watches it', () => {
    const t = new ScriptTask('var d = stream|from() d|where(lambda: FALSE) d|stats(1s) d|stats(2s)|log()', { reads })
    t.output('stats3')
    t.output('stats4')
    t.write('m v=1 @1', 'm v=2 @2')
    t.advance(2000)
    expect(t.output('stats3')).toEqual(['stats emitted=2i @1', 'stats emitted=2i @2'])
    expect(t.output('stats4')).toEqual(['stats emitted=2i @2'])
  })

  it('watches sources and other statistics', () => {
    const t = new ScriptTask('stream|from() stream|stats(1s)|stats(2s)', { reads })
    t.output('stats2')
    t.output('stats3')
    t.write('m v=1 @1', 'n v=2 @2')
    t.advance(2000)
    expect(t.output('stats2')).toEqual(['stats emitted=2i @1', 'stats emitted=2i @2'])
    expect(t.output('stats3')).toEqual(['stats emitted=2i @2'])
  })

  it('has the groups of the watched node under the name of its points', () => {
    const t = new ScriptTask("stream|from().groupBy('h').groupByMeasurement()|stats(1s)|log()", { reads })
    const seen: string[] = []
    const log = t.task.operators[t.nodes.indexOf('log4')]!
    log.receive = (chunk) => {
      for (let r = 0; r < chunk.n; r++) seen.push(chunk.grouping.idText(chunk.groups[r]))
    }
    t.advance(1000)
    t.write('m,h=a v=1 @1', 'n,h=a v=1 @1')
    t.advance(2000)
    expect(seen).toEqual(['', 'stats\nh=a', 'stats\nh=a'])
  })

  it('groups by * keep their tags', () => {
    const t = new ScriptTask('stream|from().groupBy(*)|stats(1s)', { reads: ['v', 'h', 'x'] })
    t.output('stats2')
    t.write('m,h=a,x=y v=1 @1', 'm,x=z v=1 @1', 'm v=1 @1')
    t.advance(1000)
    expect(t.output('stats2')).toEqual([
      'stats,h=a,x=y emitted=1i @1',
      'stats,x=z emitted=1i @1',
      'stats emitted=1i @1',
    ])
  })

  it('the ungrouped 0 and the ungrouped count are one group', () => {
    const t = new ScriptTask("stream|from()|stats(1s)|derivative('emitted').unit(1s)", { reads })
    t.output('derivative4')
    t.advance(1000)
    t.write('m v=1 @1', 'm v=1 @1', 'm v=1 @1')
    t.advance(2000)
    expect(t.output('derivative4')).toEqual(['stats emitted=3 @2'])
  })

  it('the ungrouped 0 is no predecessor of a group', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|stats(1s)|derivative('emitted').unit(1s)", { reads })
    t.output('derivative4')
    t.advance(1000)
    t.write('m,h=a v=1 @1', 'm,h=a v=1 @1')
    t.advance(2000)
    t.write('m,h=a v=1 @1')
    t.advance(3000)
    expect(t.output('derivative4')).toEqual(['stats,h=a emitted=1 @3'])
  })

  it.each([
    // From 8.3: waits until 9, stamped like the start; then 10, 11 (spec nodes 4.22).
    [8300, ['8', '10', '11']],
    [8500, ['9', '10', '11']],
    [8000, ['8', '10', '11']],
  ])('aligned, started at %i ms', (startMs, times) => {
    const t = new ScriptTask('stream|from()|stats(1s).align()', { startMs, reads })
    t.output('stats2')
    t.advance(8999)
    expect(t.output('stats2')).toEqual([])
    t.advance(11_000)
    expect(t.output('stats2')).toEqual(times.map((at) => `stats emitted=0i @${at}`))
  })

  it('intervals below the tick of the clock come in time, those below a millisecond every millisecond', () => {
    const t = new ScriptTask('stream|from()|stats(2500u)', { reads })
    t.output('stats2')
    t.advance(10)
    expect(t.output('stats2')).toEqual(
      [2_500_000, 5_000_000, 7_500_000, 10_000_000].map((n) => `stats emitted=0i @${n}n`),
    )
    const fast = new ScriptTask('stream|from()|stats(1u)', { reads })
    fast.output('stats2')
    fast.advance(3)
    expect(fast.output('stats2').length).toBe(3)
  })

  it('is silent on shards that do not run the task', () => {
    const outs = [0, 1, 2, 3].map((shard) => {
      const t = new ScriptTask('stream|from()|stats(1s)', { shard, shards: 4, reads })
      t.output('stats2')
      t.advance(1000)
      return t.output('stats2').length
    })
    expect(outs.sort()).toEqual([0, 0, 0, 1])
  })

  it('pins the task and says why', () => {
    const { pipeline } = evaluateScript("stream|from().groupBy('h')|stats(1s)", {})
    const plan = planTask(pipeline, { taskId: 't', shards: 4 })
    expect(plan.partition.kind).toBe('pinned')
    expect(plan.partitionReason).toBe('stats2 counts the points of all groups: one shard')
    expect(plan.nodes.find((n) => n.node.def === statsDef)!.groupedBy).toEqual(['h'])
    expect(plan.reads).not.toContain('emitted')
  })

  it('gives its memory back', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|stats(1s)", { reads })
    t.write('m,h=a v=1 @1')
    t.advance(1000)
    t.task.dispose()
    expect(t.usedBytes).toBe(0)
  })

  it('what it has no memory to count is an error; the points go on', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|stats(1s)", { reads, budgetBytes: 160 * 1024 })
    t.output('from1')
    t.output('stats2')
    t.write(...Array.from({ length: 600 }, (_, i) => `m,h=g${i} v=1 @1`))
    const points = t.output('from1').length
    t.advance(1000)
    const told = t.output('stats2').length
    expect(points).toBeGreaterThan(500)
    expect(told).toBeLessThan(points)
    expect(t.errors.length).toBeGreaterThan(0)
  })

  it('start-time checks', () => {
    expect(() => new ScriptTask('stream|from()|stats(0s)')).toThrow('stats node must have positive interval')
    expect(() => new ScriptTask('stream|from()|stats(-1s)')).toThrow('stats node must have positive interval')
    const loop = "stream|from()|kapacitorLoopback().database('x').retentionPolicy('y')|stats(1s)"
    expect(() => new ScriptTask(loop)).toThrow(
      'cannot add child no edge expected: kapacitor_loopback2:noedge -> noop4:noedge',
    )
  })
})

const deadman = {
  id: 'ID {{ .Group }} NODE_NAME',
  message: '{{ .ID }} {{ .Level }} {{ index .Fields "emitted" | printf "%0.1f" }} INTERVAL',
  global: false,
  threshold: 0,
  intervalNs: 10_000_000_000n,
}

describe('deadman', () => {
  it('alerts per group when a node falls silent, and recovers', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|deadman(1.0, 10s)", { deadman, startMs: 6000, reads })
    expect(t.nodes).toEqual(['stream0', 'from1', 'noop3', 'stats2', 'derivative4', 'alert5'])
    t.write('m,h=a v=1 @1', 'm,h=b v=1 @1')
    t.advance(10_000)
    expect(t.events).toEqual([])
    t.write('m,h=a v=1 @1', 'm,h=a v=1 @1', 'm,h=b v=1 @1')
    t.advance(20_000)
    expect(t.events.map((e) => [e.message, e.level, e.group])).toEqual([['ID h=b from1 CRITICAL 1.0 10s', 3, 'h=b']])
    t.write('m,h=b v=1 @1', 'm,h=b v=1 @1', 'm,h=b v=1 @1')
    t.advance(30_000)
    expect(t.events.slice(1).map((e) => e.message)).toEqual([
      'ID h=a from1 CRITICAL 0.0 10s',
      'ID h=b from1 OK 3.0 10s',
    ])
  })

  it('takes more conditions', () => {
    const t = new ScriptTask(
      'stream|from().groupBy(\'h\')|deadman(0.0, 1s, lambda: "h" != \'b\', lambda: "emitted" < 5)',
      {
        deadman,
        reads,
      },
    )
    t.write('m,h=a v=1 @1', 'm,h=b v=1 @1')
    t.advance(2000)
    expect(t.events.map((e) => e.id)).toEqual(['ID h=a from1'])
  })

  it('uses the built-in texts without a configuration', () => {
    const t = new ScriptTask('stream|from()|deadman(0.0, 90s)', { reads })
    t.advance(180_000)
    const [event] = t.events
    expect(event.id).toBe("nil:from1 for task 'task'")
    expect(event.message).toBe("nil:from1 for task 'task' is dead: 0.000 points/1m30s.")
  })

  it('a configured one watches the source of every task', () => {
    const global = { ...deadman, global: true, threshold: 2.5, intervalNs: 5_000_000_000n }
    const { pipeline } = evaluateScript('stream|from()|log()', {}, { deadman: global })
    expect(bareDot('t', pipeline)).toBe(
      'digraph t {\nstream0 -> from1;\nfrom1 -> log2;\nstats3 -> derivative4;\nderivative4 -> alert5;\n}',
    )
    const t = new ScriptTask('stream|from()|log()', { deadman: global, startMs: 3000, reads })
    t.write('m v=1 @1')
    t.advance(5000)
    t.write('m v=1 @1', 'n v=1 @1')
    t.advance(10_000)
    expect(t.events.map((e) => e.message)).toEqual(['ID nil stream0 CRITICAL 2.0 5s'])
  })
})
