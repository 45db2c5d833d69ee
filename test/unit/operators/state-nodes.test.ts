import { describe, expect, it } from 'vitest'
import { Duration } from '../../../src/columns/values.js'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { changeDetectDef, changeDetectEntry } from '../../../src/operators/rows/change-detect.js'
import { stateCountDef, stateCountEntry } from '../../../src/operators/rows/state-count.js'
import { stateDurationDef, stateDurationEntry } from '../../../src/operators/rows/state-duration.js'
import { planTask } from '../../../src/plan/plan.js'
import type { PlannedNode } from '../../../src/plan/task-plan.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { bench, useUpBudget } from './bench.js'
import { type PlanOptions, parseRow, plan } from './harness.js'

/** The lambda that a script would hand over. */
function lambda(text: string): ScriptValue {
  const { pipeline } = evaluateScript(`stream|from()|where(lambda: ${text})`, {})
  return pipeline.nodes.find((n) => n.def.method === 'where')!.props.lambda!
}

type Props = Record<string, ScriptValue>
const duration = (text: string, props: Props = {}, options: PlanOptions = {}): PlannedNode =>
  plan(stateDurationDef, [lambda(text)], props, options)
const count = (text: string, props: Props = {}, options: PlanOptions = {}): PlannedNode =>
  plan(stateCountDef, [lambda(text)], props, options)

/** Spec nodes 4.10. */
const example = ['m v=1 @10', 'm v=2 @11', 'm v=2 @14', 'm w=1 @15', 'm v=1 @16', 'm v=2 @17', 'm v=2 @15']

describe('stateDuration', () => {
  it('measures from the first TRUE row, also backwards; a failing row is dropped and changes nothing', () => {
    const b = bench(stateDurationEntry, duration('"v" > 1'))
    b.feed.rows(b.op, example)
    expect(b.out.take()).toEqual([
      'm state_duration=-1,v=1 @10',
      'm state_duration=0,v=2 @11',
      'm state_duration=3,v=2 @14',
      'm state_duration=-1,v=1 @16',
      'm state_duration=0,v=2 @17',
      'm state_duration=-2,v=2 @15',
    ])
    expect(b.ctx.errors).toMatchObject([{ msg: 'error while evaluating expression', n: 1 }])
    expect(b.ctx.drops.get('error')).toBe(1)
  })

  it('divides by the unit, to the nanosecond', () => {
    const b = bench(stateDurationEntry, duration('TRUE', { as: 'd', unit: new Duration(1000n) }))
    b.feed.rows(b.op, ['m v=1 @1500001200000000001n', 'm v=1 @1500001200000000251n', 'm v=1 @1500001201000000001n'])
    expect(b.out.take()).toEqual([
      'm d=0,v=1 @1500001200000000001n',
      'm d=0.25,v=1 @1500001200000000251n',
      'm d=1000000,v=1 @1500001201000000001n',
    ])
  })

  it('takes differences of decades, and those beyond int64 as the largest', () => {
    const b = bench(stateDurationEntry, duration('TRUE', { unit: new Duration(1n) }))
    b.feed.rows(b.op, ['m v=1 @-9000000000000000000n', 'm v=1 @0', 'm v=1 @9000000000000000000n'])
    expect(b.out.take().map((line) => line.split(/[=,]/)[1])).toEqual([
      '0',
      '9000000000000000000',
      '9223372036854776000',
    ])
  })

  it('with unit 0 gives what a division by 0 gives', () => {
    const b = bench(stateDurationEntry, duration('TRUE', { unit: new Duration(0n) }))
    b.feed.rows(b.op, ['m v=1 @10', 'm v=1 @11', 'm v=1 @9'])
    expect(b.out.take()).toEqual([
      'm state_duration=NaN,v=1 @10',
      'm state_duration=Infinity,v=1 @11',
      'm state_duration=-Infinity,v=1 @9',
    ])
  })

  it('starts anew in every batch', () => {
    const b = bench(stateDurationEntry, duration('"v" > 1', {}, { edge: 'batch' }), { dims: ['h'] })
    b.feed.batch(b.op, 'm,h=a', 20, ['m,h=a v=2 @10', 'm,h=a v=2 @12', 'm,h=a w=1 @13', 'm,h=a v=3 @14'])
    b.feed.batch(b.op, 'm,h=a', 30, ['m,h=a v=2 @21', 'm,h=a v=1 @22'])
    b.feed.batch(b.op, 'm,h=a', 40, [])
    expect(b.out.take()).toEqual([
      'm,h=a {tmax=20 | state_duration=0,v=2@10, state_duration=2,v=2@12, state_duration=4,v=3@14}',
      'm,h=a {tmax=30 | state_duration=0,v=2@21, state_duration=-1,v=1@22}',
      'm,h=a {tmax=40 | }',
    ])
  })

  it('overwrites a field of its name', () => {
    const b = bench(stateDurationEntry, duration('"v" > 1', { as: 'v' }), { reads: ['v'] })
    b.feed.rows(b.op, ['m v=2,w=7i @10', 'm v=2 @11'])
    expect(b.out.take()).toEqual(['m v=0,w=7i @10', 'm v=1 @11'])
  })
})

describe('stateCount', () => {
  it('counts TRUE rows in a row', () => {
    const b = bench(stateCountEntry, count('"v" > 1'))
    b.feed.rows(b.op, example)
    expect(b.out.take()).toEqual([
      'm state_count=-1i,v=1 @10',
      'm state_count=1i,v=2 @11',
      'm state_count=2i,v=2 @14',
      'm state_count=-1i,v=1 @16',
      'm state_count=1i,v=2 @17',
      'm state_count=2i,v=2 @15',
    ])
  })

  it('keeps groups apart over chunks, forgets deleted ones and passes only deletes of known groups', () => {
    const b = bench(stateCountEntry, count('TRUE', { as: 'c' }), { dims: ['h'], rowsPerChunk: 2 })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=1 @1', 'm,h=a v=1 @2', 'm,h=b v=1 @3', 'm,h=a v=1 @3'])
    expect(b.out.take()).toEqual([
      'm,h=a c=1i,v=1 @1',
      'm,h=b c=1i,v=1 @1',
      'm,h=a c=2i,v=1 @2',
      'm,h=b c=2i,v=1 @3',
      'm,h=a c=3i,v=1 @3',
    ])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.deleteGroup(b.op, 'm,h=z')
    b.feed.barrier(b.op, 'm,h=y', 9)
    b.feed.deleteGroup(b.op, 'm,h=y')
    b.feed.rows(b.op, ['m,h=a v=1 @4', 'm,h=b v=1 @4'])
    expect(b.out.take()).toEqual([
      'delete h=a',
      'barrier h=y @9',
      'delete h=y',
      'm,h=a c=1i,v=1 @4',
      'm,h=b c=3i,v=1 @4',
    ])
  })

  it("keeps its lambda's state per group, and drops it with the group", () => {
    const b = bench(stateCountEntry, count('count() > 1'), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=a v=1 @2', 'm,h=b v=1 @2', 'm,h=a v=1 @3'])
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.rows(b.op, ['m,h=a v=1 @4'])
    expect(b.out.take().map((line) => /state_count=(-?\d+)i/.exec(line)?.[1])).toEqual([
      '-1',
      '1',
      '-1',
      '2',
      undefined,
      '-1',
    ])
  })

  it('drops rows of groups that the budget refuses', () => {
    const b = bench(stateCountEntry, count('TRUE'), { dims: ['h'] }, 1024 * 1024)
    const lines = Array.from({ length: 600 }, (_, i) => `m,h=g${i} v=1 @2`)
    for (const line of lines) b.feed.group(parseRow(line))
    b.feed.rows(b.op, lines.slice(0, 1))
    useUpBudget(b)
    b.feed.rows(b.op, lines)
    // The first page of the counts ends at 512 groups.
    expect(b.ctx.drops.get('memory')).toBe(88)
    expect(b.out.take().length).toBe(1 + 512)
    b.feed.rows(b.op, ['m,h=g0 v=1 @3'])
    expect(b.out.take()).toEqual(['m,h=g0 state_count=3i,v=1 @3'])
  })

  it('gives its memory back', () => {
    const b = bench(stateCountEntry, count('count() > 1'), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    expect(b.ctx.state.bytes).toBeGreaterThan(0)
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
  })
})

describe('changeDetect', () => {
  const onFields = (...fields: string[]): PlannedNode => plan(changeDetectDef, fields)

  it('compares type and value with the last row passed on (spec nodes 4.9)', () => {
    const b = bench(changeDetectEntry, onFields('a', 'b'))
    b.feed.rows(b.op, ['m a=1,b=1i @1', 'm a=1,b=1i @2', 'm a=1,b=1 @3', 'm a=1 @4', 'm b=1 @5', 'm a=2 @6'])
    expect(b.out.take()).toEqual(['m a=1,b=1i @1', 'm a=1,b=1 @3', 'm a=2 @6'])
    // Row 6 differs in a, so nobody asks for its b.
    expect(b.ctx.errors.map((e) => [e.msg, e.err, e.n])).toEqual([
      ['Invalid field in change detect', 'expected field a not found', 1],
      ['Invalid field in change detect', 'expected field b not found', 1],
    ])
  })

  it('a field that the last row did not have is a change', () => {
    const b = bench(changeDetectEntry, onFields('a', 'b'))
    b.feed.rows(b.op, ['m a=1 @1', 'm a=1,b=1 @2', 'm a=1,b=1 @3', 'm b=1 @4'])
    expect(b.out.take()).toEqual(['m a=1 @1', 'm a=1,b=1 @2'])
  })

  it('knows strings, booleans, long ints, NaN and null', () => {
    const b = bench(changeDetectEntry, onFields('v'), { rowsPerChunk: 1 })
    const values = [
      ...['"a"', '"a"', '"ab"', '"b"', '"b"', 'true', 'true', 'false', '9007199254740993i', '9007199254740992i'],
      ...['NaN', 'NaN', '0', '-0', 'null', '0', '0d', '0i'],
    ]
    b.feed.rows(
      b.op,
      values.map((v, i) => `m v=${v} @${i}`),
    )
    const kept = [0, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17]
    expect(b.out.take().map((line) => Number(line.split('@')[1]))).toEqual(kept)
  })

  it('null is present, yet no change from nothing', () => {
    const b = bench(changeDetectEntry, onFields('v'))
    b.feed.rows(b.op, ['m v=null @1', 'm v=1 @2', 'm v=null @3', 'm v=null @4'])
    expect(b.out.take()).toEqual(['m v=1 @2', 'm v=null @3'])
    expect(b.ctx.errors).toEqual([])
  })

  it('keeps groups apart, frees strings and forgets deleted groups', () => {
    const b = bench(changeDetectEntry, onFields('s'), { dims: ['h'], rowsPerChunk: 2 })
    b.feed.rows(b.op, ['m,h=a s="x" @1', 'm,h=b s="x" @1', 'm,h=a s="x" @2', 'm,h=b s="y" @2'])
    expect(b.out.take()).toEqual(['m,h=a s="x" @1', 'm,h=b s="x" @1', 'm,h=b s="y" @2'])
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.rows(b.op, ['m,h=a s="x" @3', 'm,h=b s="y" @3'])
    expect(b.out.take()).toEqual(['delete h=a', 'm,h=a s="x" @3'])
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
  })

  it('starts anew in every batch', () => {
    const b = bench(changeDetectEntry, plan(changeDetectDef, ['v'], {}, { edge: 'batch' }))
    b.feed.batch(b.op, 'm', 5, ['m v=1 @1', 'm v=1 @2', 'm v=null @3', 'm v=null @4', 'm v=1 @5'])
    b.feed.batch(b.op, 'm', 9, ['m v=1 @6', 'm w=1 @7', 'm v="s" @7', 'm v="s" @8', 'm v="t" @9'])
    expect(b.out.take()).toEqual(['m {tmax=5 | v=1@1, v=null@3, v=1@5}', 'm {tmax=9 | v=1@6, v="s"@7, v="t"@9}'])
    expect(b.ctx.errorCount).toBe(1)
  })

  it('without fields passes nothing', () => {
    const b = bench(changeDetectEntry, onFields())
    b.feed.rows(b.op, ['m v=1 @1', 'm v=2 @2'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.errors).toEqual([])
  })
})

describe('partition keys', () => {
  const planOf = (script: string) => planTask(evaluateScript(script, {}).pipeline, { taskId: 't', shards: 4 }).partition

  it.each([
    ['stateCount(lambda: "v" > 1)'],
    ['stateDuration(lambda: "v" > 1)'],
    ["changeDetect('v')"],
    ["elapsed('v', 1s)"],
    ["difference('v')"],
    ["movingAverage('v', 2)"],
    ["cumulativeSum('v')"],
    ["holtWinters('v', 1, 0, 1s)"],
  ])('%s keeps state per group', (call) => {
    expect(planOf(`stream|from().groupBy('h', 'dc')|${call}`)).toEqual({ kind: 'tags', tags: ['dc', 'h'] })
    expect(planOf(`stream|from()|${call}`).kind).toBe('pinned')
  })

  it('noop and trickle keep none', () => {
    expect(planOf("stream|from().groupBy('h')|window().period(1s).every(1s)|trickle()")).toEqual({
      kind: 'tags',
      tags: ['h'],
    })
  })
})

it('groups of several groupings are kept apart', () => {
  const b = bench(stateCountEntry, count('TRUE', { as: 'c' }), { dims: ['h'] })
  const other = b.harness.feed({ dims: ['g'] })
  b.feed.rows(b.op, ['m,h=a,g=x v=1 @1'])
  other.rows(b.op, ['m,h=a,g=x v=1 @2', 'm,h=a,g=x v=1 @3'])
  b.feed.rows(b.op, ['m,h=a,g=x v=1 @4'])
  other.deleteGroup(b.op, 'm,g=x')
  b.feed.rows(b.op, ['m,h=a,g=x v=1 @5'])
  other.rows(b.op, ['m,h=a,g=x v=1 @6'])
  expect(b.out.take().map((line) => line.replace(/^.* c=(\di),.*$/, '$1'))).toEqual([
    '1i',
    '1i',
    '2i',
    '2i',
    'delete g=x',
    '3i',
    '1i',
  ])
})
