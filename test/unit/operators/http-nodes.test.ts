import { deserialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { type HttpOutRows, httpOutDef, httpOutEntry } from '../../../src/operators/outside/http-out.js'
import { type HttpPostAnswer, httpPostDef, httpPostEntry } from '../../../src/operators/outside/http-post.js'
import type { PlannedNode } from '../../../src/plan/task-plan.js'
import { joinRows } from '../../../src/sinks/http-out-views.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { Out } from '../../../src/transport/output.js'
import { bench, call, type TestBench, useUpBudget } from './bench.js'
import { plan } from './harness.js'

function page(...benches: TestBench[]): string {
  return Buffer.from(joinRows(benches.map((b) => b.op.control({ what: 'rows' }) as HttpOutRows))).toString()
}

describe('httpOut', () => {
  const out = (feed = {}): TestBench => bench(httpOutEntry, plan(httpOutDef, ['x']), feed)

  it('serves the last point of every group in order of appearance', () => {
    const b = out({ dims: ['h'] })
    expect(page(b)).toBe('{"series":null}')
    b.feed.rows(b.op, ['m,h=b v=1 @1', 'm,h=a,k=x v=2i @2', 'm,h=b s="<" @3'])
    expect(b.out.take()).toHaveLength(3)
    expect(page(b)).toBe(
      '{"series":[{"name":"m","tags":{"h":"b"},"columns":["time","s"],"values":[["1970-01-01T00:00:03Z","\\u003c"]]},' +
        '{"name":"m","tags":{"h":"a","k":"x"},"columns":["time","v"],"values":[["1970-01-01T00:00:02Z",2]]}]}',
    )
  })

  it('serves the last batch; an empty one has no columns', () => {
    const b = out({ dims: ['h'] })
    b.feed.batch(b.op, 'm,h=a', 5, ['m,h=a,k=1 v=1 @1', 'm,h=a v=2,w=3 @2'])
    expect(page(b)).toBe(
      '{"series":[{"name":"m","tags":{"h":"a"},"columns":["time","k","v"],' +
        '"values":[["1970-01-01T00:00:01Z","1",1],["1970-01-01T00:00:02Z",null,2]]}]}',
    )
    b.feed.batch(b.op, 'm,h=a', 10, [])
    expect(page(b)).toBe('{"series":[{"name":"m","tags":{"h":"a"}}]}')
  })

  it('lists a tag and a field of one name twice, both with the field; not a tag of the group', () => {
    const b = out({ dims: ['h'] })
    b.feed.batch(b.op, 'm,h=a', 5, ['m,h=a,k=t,z=1 h=7,k="f" @1', 'm,h=a,k=t h=8 @2'])
    expect(page(b)).toBe(
      '{"series":[{"name":"m","tags":{"h":"a"},"columns":["time","h","k","k","z"],' +
        '"values":[["1970-01-01T00:00:01Z",7,"f","f","1"],["1970-01-01T00:00:02Z",8,"t","t",null]]}]}',
    )
  })

  it('shows null for a group that a barrier created, and closes up deleted ones', () => {
    const b = out({ dims: ['h'] })
    b.feed.barrier(b.op, 'm,h=a', 1)
    b.feed.rows(b.op, ['m,h=b @2', 'm,h=c @3'])
    const row = (h: string, t: number): string =>
      `{"name":"m","tags":{"h":"${h}"},"columns":["time"],"values":[["1970-01-01T00:00:0${t}Z"]]}`
    expect(page(b)).toBe(`{"series":[null,${row('b', 2)},${row('c', 3)}]}`)
    b.feed.deleteGroup(b.op, 'm,h=b')
    expect(page(b)).toBe(`{"series":[null,${row('c', 3)}]}`)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.deleteGroup(b.op, 'm,h=c')
    expect(page(b)).toBe('{"series":[]}')
  })

  it('fails the page for a value that JSON has not', () => {
    const b = out()
    b.feed.rows(b.op, ['m v=NaN @1'])
    expect(b.out.take()).toHaveLength(1)
    expect(() => page(b)).toThrow('json: unsupported value: NaN')
    b.feed.rows(b.op, ['m v=1 @2'])
    expect(page(b)).toContain('["1970-01-01T00:00:02Z",1]')
  })

  it('joins shards by the clock at which slots appeared', () => {
    const [a, b] = [out({ dims: ['h'] }), out({ dims: ['h'] })]
    a.harness.advance(1000)
    b.harness.advance(2000)
    a.feed.rows(a.op, ['m,h=1 @1'])
    b.feed.rows(b.op, ['m,h=2 @1'])
    a.harness.advance(3000)
    a.feed.rows(a.op, ['m,h=3 @1', 'm,h=1 @2'])
    expect([...page(a, b).matchAll(/"h":"(\d)"/g)].map((m) => m[1])).toEqual(['1', '2', '3'])
    expect(page(b, a)).toBe(page(a, b))
  })

  it('counts rows that the budget refuses and passes them on', () => {
    const b = bench(httpOutEntry, plan(httpOutDef, ['x']), {}, 1024 * 1024)
    b.feed.barrier(b.out, 'm', 5)
    b.out.take()
    useUpBudget(b)
    b.feed.rows(b.op, ['m v=1 @1'])
    expect(b.out.take()).toEqual(['m v=1 @1'])
    expect(b.ctx.errorCount).toBe(1)
  })
})

interface Frame {
  group: number
  request: number
  body: string
  row: unknown
}

function frames(b: TestBench): Frame[] {
  return b.ctx.sent.splice(0).map(({ type, payload }) => {
    expect(type).toBe(Out.HttpPost)
    const head = new DataView(payload.buffer, payload.byteOffset)
    const bodyBytes = head.getInt32(8, true)
    const rowBytes = head.getInt32(12, true)
    expect(payload.length).toBe(16 + bodyBytes + rowBytes)
    return {
      group: head.getInt32(0, true),
      request: head.getInt32(4, true),
      body: Buffer.from(payload.slice(16, 16 + bodyBytes)).toString(),
      row: rowBytes === 0 ? null : deserialize(payload.slice(16 + bodyBytes)),
    }
  })
}

function answer(b: TestBench, f: Frame, code: number, error: HttpPostAnswer['error'] = null): void {
  const { group, request } = f
  b.op.control({ what: 'answer', group, request, code, error, dropped: false } satisfies HttpPostAnswer)
}

function post(...calls: [string, ...ScriptValue[]][]): PlannedNode {
  const p = plan(httpPostDef, ['http://127.0.0.1/x'])
  for (const [name, ...args] of calls) {
    if (httpPostDef.properties.find((x) => x.name === name)!.apply !== undefined) call(p, name, ...args)
    else p.node.props[name] = args[0]
  }
  return p
}

describe('httpPost', () => {
  it('sends every point and passes it on at once', () => {
    const b = bench(httpPostEntry, post())
    b.feed.rows(b.op, ['m,h=é<&> v=9007199254740993i @1', 'm v=1 @2'])
    expect(b.out.take()).toHaveLength(2)
    expect(frames(b)).toEqual([
      {
        group: 0,
        request: -1,
        body: '{"series":[{"name":"m","tags":{"h":"é\\u003c\\u0026\\u003e"},"columns":["time","v"],"values":[["1970-01-01T00:00:01Z",9007199254740993]]}]}\n',
        row: null,
      },
      {
        group: 0,
        request: -1,
        body: '{"series":[{"name":"m","columns":["time","v"],"values":[["1970-01-01T00:00:02Z",1]]}]}\n',
        row: null,
      },
    ])
  })

  it('sends batches whole, empty ones too', () => {
    const b = bench(httpPostEntry, post())
    b.feed.batch(b.op, 'm', 5, ['m v=1 @1', 'm v=2 @2'])
    b.feed.batch(b.op, 'm', 10, [])
    expect(frames(b).map((f) => f.body)).toEqual([
      '{"series":[{"name":"m","columns":["time","v"],"values":[["1970-01-01T00:00:01Z",1],["1970-01-01T00:00:02Z",2]]}]}\n',
      '{"series":[{"name":"m"}]}\n',
    ])
  })

  it('reports errors of answers and of rows without JSON', () => {
    const b = bench(httpPostEntry, post())
    b.feed.rows(b.op, ['m v=1 @1', 'm v=NaN @2'])
    expect(b.out.take()).toHaveLength(2)
    const [f] = frames(b)
    answer(b, f, 503, { msg: 'POST returned non 2xx status code', err: 'busy' })
    expect(b.ctx.errors.map((e) => [e.msg, e.err])).toEqual([
      ['failed to POST data', 'json: unsupported value: NaN'],
      ['POST returned non 2xx status code', 'busy'],
    ])
  })

  it('holds the rows of a group in order until the answers come (codeField)', () => {
    const b = bench(httpPostEntry, post(['codeField', 'code']), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=2 @2', 'm,h=a v=3 @3'])
    b.feed.barrier(b.op, 'm,h=a', 4)
    const [a1, b1, a2] = frames(b)
    expect(b.out.take()).toEqual([])
    answer(b, a2, 500)
    expect(b.out.take()).toEqual([])
    answer(b, b1, 200)
    expect(b.out.take()).toEqual(['m,h=b code=200i,v=2 @2'])
    answer(b, a1, 204)
    expect(b.out.take()).toEqual(['m,h=a code=204i,v=1 @1', 'm,h=a code=500i,v=3 @3', 'barrier h=a @4'])
    b.feed.barrier(b.op, 'm,h=a', 5)
    expect(b.out.take()).toEqual(['barrier h=a @5'])
  })

  it('puts the code on every point of a batch', () => {
    const b = bench(httpPostEntry, post(['codeField', 'code']))
    b.feed.batch(b.op, 'm', 5, ['m,k=1 v=1 @1', 'm v=2i @2'])
    b.feed.batch(b.op, 'm', 10, [])
    for (const f of frames(b)) answer(b, f, 200)
    expect(b.out.take()).toEqual(['m {tmax=5 | k=1 code=200i,v=1@1, code=200i,v=2i@2}', 'm {tmax=10 | }'])
  })

  it('forgets a deleted group once its rows have passed', () => {
    const b = bench(httpPostEntry, post(['codeField', 'code']), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    b.feed.deleteGroup(b.op, 'm,h=a')
    expect(b.feed.grouping.size).toBe(1)
    const [f] = frames(b)
    answer(b, f, 200)
    expect(b.out.take()).toEqual(['m,h=a code=200i,v=1 @1', 'delete h=a'])
    expect(b.feed.grouping.size).toBe(0)
  })

  it('passes rows on without an answer when the task stops, and rows without JSON at once', () => {
    const b = bench(httpPostEntry, post(['codeField', 'code']))
    b.feed.rows(b.op, ['m v=NaN @1', 'm v=1 @2', 'm v=NaN @3'])
    expect(b.out.take()).toEqual(['m code=0i,v=NaN @1'])
    b.op.stop()
    expect(b.out.take()).toEqual(['m code=0i,v=1 @2', 'm code=0i,v=NaN @3'])
  })

  it('bounds the rows that wait', () => {
    const b = bench(httpPostEntry, post(['codeField', 'code']))
    b.feed.rows(b.op, Array.from({ length: 10_001 }, (_, i) => `m v=1 @${i}`)) // biome-ignore format: one line
    expect(b.ctx.drops.get('memory')).toBe(1)
    expect(frames(b)).toHaveLength(10_000)
  })

  it('adds the typed row when a template needs it', () => {
    const p = plan(httpPostDef, [])
    call(p, 'endpoint', 'e')
    const b = bench(httpPostEntry, p)
    b.feed.rows(b.op, ['m,h=a v=9007199254740993i,d=5d @1'])
    expect(frames(b)[0].row).toEqual({
      name: 'm',
      tags: new Map([['h', 'a']]),
      columns: ['time', 'd', 'v'],
      values: [[{ time: 1_000_000_000n }, { duration: 5n }, 9007199254740993n]],
    })
  })

  it.each([
    [[], [], [], 'must provide url or endpoint'],
    [['u'], ['e'], [], 'only one endpoint and url may be specified'],
    [[], ['e', 'f'], [], 'httpPost expects 0 or 1 endpoints, got 2'],
    [['u'], [], ['Authenticate'], "cannot set 'authenticate' header"],
  ])('refuses %j %j %j', (urls, endpoints, headers, text) => {
    const p = plan(httpPostDef, urls)
    for (const e of endpoints) call(p, 'endpoint', e)
    for (const h of headers) call(p, 'header', h, 'v')
    expect(() => httpPostDef.validate!(p.node)).toThrow(text)
  })

  it('takes one URL at most', () => {
    const { node } = plan(httpPostDef, ['a', 'b'])
    expect(() => httpPostDef.validate!(node)).toThrow('httpPost expects 0 or 1 arguments, got 2')
  })
})
