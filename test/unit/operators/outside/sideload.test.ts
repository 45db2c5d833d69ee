import { describe, expect, it } from 'vitest'
import { Duration, type Value } from '../../../../src/columns/values.js'
import { evaluateScript } from '../../../../src/compile/evaluate-script.js'
import { sideloadEntry } from '../../../../src/operators/outside/sideload.js'
import { cleanPath, PathBuffer, pathTemplate, tagsOf } from '../../../../src/operators/outside/sideload-path.js'
import { converted, type SideloadData } from '../../../../src/operators/outside/sideload-table.js'
import { planTask } from '../../../../src/plan/plan.js'
import type { ScriptValue } from '../../../../src/tickscript/node-def.js'
import { bench, call, type TestBench, useUpBudget } from '../bench.js'
import { type FeedOptions, plan } from '../harness.js'

interface Setup {
  readonly order: string[]
  readonly fields?: [string, ScriptValue][]
  readonly tags?: [string, string][]
  readonly files?: Record<string, unknown[]>
  readonly feed?: FeedOptions
  readonly edge?: 'stream' | 'batch'
}

const dataOf = (files: Record<string, unknown[]>): SideloadData => ({
  paths: Object.keys(files),
  cells: Object.values(files),
})

/** The cells of a file are in the order of fields, then tags. */
function sideload({ order, fields = [], tags = [], files = {}, feed = {}, edge }: Setup): TestBench {
  const p = plan(sideloadEntry.def, [], { source: 'file:///x' }, { edge })
  call(p, 'order', ...order)
  for (const [k, v] of fields) call(p, 'field', k, v)
  for (const [k, v] of tags) call(p, 'tag', k, v)
  const b = bench(sideloadEntry, p, feed)
  b.op.control({ what: 'sideload', data: dataOf(files) })
  return b
}

describe('sideload', () => {
  it('takes each key from the first file that has it, else the default', () => {
    const b = sideload({
      order: ['host/{{.host}}.yml', 'dc/{{ .dc }}.yml', 'default.yml'],
      fields: [
        ['cpu', 1],
        ['mem', 2n],
        ['disk', 'none'],
      ],
      files: {
        'host/a.yml': [10, undefined, undefined],
        'dc/x.yml': [20, 21, undefined],
        'default.yml': [30, 31, undefined],
      },
    })
    b.feed.rows(b.op, ['m,host=a,dc=x v=1 @1', 'm,host=b,dc=x v=1 @2', 'm,host=b v=1 @3', 'm,host=a cpu=7,v=1 @4'])
    expect(b.out.take()).toEqual([
      'm,dc=x,host=a cpu=10,disk="none",mem=21i,v=1 @1',
      'm,dc=x,host=b cpu=20,disk="none",mem=21i,v=1 @2',
      'm,host=b cpu=30,disk="none",mem=31i,v=1 @3',
      'm,host=a cpu=10,disk="none",mem=31i,v=1 @4',
    ])
    expect(b.ctx.errors).toEqual([])
  })

  it('prints <no value> for a missing tag and cleans paths', () => {
    const b = sideload({
      order: ['{{.a}}//./{{.b}}/../x.yml'],
      fields: [['v', 0]],
      files: { '<no value>/x.yml': [1], 'q/x.yml': [2], 'x.yml': [3] },
    })
    b.feed.rows(b.op, ['m @1', 'm,a=q,b=z @2', 'm,a=q,b=.. @3'])
    expect(b.out.take()).toEqual(['m v=1 @1', 'm,a=q,b=z v=2 @2', 'm,a=q,b=.. v=0 @3'])
  })

  it('sets tags, and with them the groups of a stream', () => {
    const b = sideload({
      order: ['{{.host}}'],
      tags: [
        ['owner', 'nobody'],
        ['n', '0'],
      ],
      files: { a: ['alice', 5], b: [undefined, true] },
      feed: { dims: ['host', 'owner'] },
    })
    b.feed.rows(b.op, ['m,host=a,owner=x v=1 @1', 'm,host=b v=1 @2'])
    expect(b.out.take()).toEqual(['m,host=a,n=5,owner=alice v=1 @1', 'm,host=b,n=true,owner=nobody v=1 @2'])
    expect(b.groups()).toEqual(['host=a,owner=alice', 'host=b,owner=nobody'])
  })

  it('does not change the groups of batches', () => {
    const b = sideload({
      order: ['{{.host}}'],
      tags: [['owner', 'nobody']],
      fields: [['f', 1n]],
      files: { a: [2, 'alice'] },
      feed: { dims: ['host'] },
      edge: 'batch',
    })
    b.feed.batch(b.op, 'm,host=a', 5, ['m,host=a v=1 @1', 'm,host=a,k=1 v=2 @2'])
    b.feed.batch(b.op, 'm,host=b', 5, [])
    expect(b.out.take()).toEqual([
      'm,host=a {tmax=5 | owner=alice f=2i,v=1@1, k=1,owner=alice f=2i,v=2@2}',
      'm,host=b {tmax=5 | }',
    ])
    expect(b.groups()).toEqual(['host=a', 'host=b'])
  })

  it('counts values that do not fit and uses the default', () => {
    const b = sideload({
      order: ['a', 'b'],
      fields: [
        ['n', 7n],
        ['ok', true],
      ],
      files: { a: [1.5, 'maybe'], b: [2, true] },
    })
    b.feed.rows(b.op, ['m v=1 @1', 'm v=1 @2'])
    expect(b.out.take()).toEqual(['m n=7i,ok=true,v=1 @1', 'm n=7i,ok=true,v=1 @2'])
    expect(b.ctx.errors).toEqual([
      {
        msg: 'failed to load key',
        err: 'cannot use float64 as int64',
        n: 2,
        extra: { key: 'n', expected: 'int64', got: 'float64' },
      },
      {
        msg: 'failed to load key',
        err: 'cannot use string as bool',
        n: 2,
        extra: { key: 'ok', expected: 'bool', got: 'string' },
      },
    ])
  })

  it('lets templates do what Go templates can; a failing one leaves the point as it was', () => {
    const b = sideload({
      order: ['{{ if eq .kind "x" }}{{ .host }}{{ else }}{{ index .kind 5 }}{{ end }}'],
      fields: [['f', 'default']],
      tags: [['t', 'default']],
      files: { a: ['loaded', 'loaded'] },
    })
    b.feed.rows(b.op, ['m,host=a,kind=x v=1 @1', 'm,host=a,kind=y,t=own f="own",v=1 @2', 'm,host=a,kind=y v=1 @3'])
    expect(b.out.take()).toEqual([
      'm,host=a,kind=x,t=loaded f="loaded",v=1 @1',
      'm,host=a,kind=y,t=own f="own",v=1 @2',
      'm,host=a,kind=y v=1 @3',
    ])
    expect(b.ctx.errorCount).toBe(2)
  })

  it('takes new values while it runs, and gives the old memory back', () => {
    const b = sideload({ order: ['{{.h}}'], fields: [['f', 's']], files: { a: ['one'] } })
    b.feed.rows(b.op, ['m,h=a @1'])
    const before = b.harness.memory.used
    for (let i = 0; i < 50; i++) b.op.control({ what: 'sideload', data: dataOf({ a: [`two${i}`], b: ['three'] }) })
    expect(b.harness.memory.used).toBe(before)
    b.feed.rows(b.op, ['m,h=a @2', 'm,h=b @3'])
    expect(b.out.take()).toEqual(['m,h=a f="one" @1', 'm,h=a f="two49" @2', 'm,h=b f="three" @3'])
    b.op.dispose()
  })

  it('keeps its values when new ones do not fit into the budget', () => {
    const b = sideload({ order: ['{{.h}}'], fields: [['f', 's']], files: { a: ['one'] } })
    b.feed.rows(b.op, ['m,h=a @0'])
    b.out.take()
    useUpBudget(b)
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`h${i}`, ['x'.repeat(100)]]))
    expect(() => b.op.control({ what: 'sideload', data: dataOf(many) })).toThrow('does not fit into the memory')
    b.feed.rows(b.op, ['m,h=a @1'])
    expect(b.out.take()).toEqual(['m,h=a f="one" @1'])
  })

  it('finds files among many', () => {
    const files = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`host/${i}.yml`, [i, `tag${i}`]]))
    const b = sideload({ order: ['host/{{.h}}.yml'], fields: [['f', -1n]], tags: [['t', '']], files })
    b.feed.rows(
      b.op,
      Array.from({ length: 300 }, (_, i) => `m,h=${i * 67} @${i}`),
    )
    expect(b.out.take()).toEqual(
      Array.from({ length: 300 }, (_, i) =>
        i * 67 < 20_000 ? `m,h=${i * 67},t=tag${i * 67} f=${i * 67}i @${i}` : `m,h=${i * 67},t= f=-1i @${i}`,
      ),
    )
  })
})

describe('conversion', () => {
  it.each<[unknown, Value, Value | undefined]>([
    [5, 1n, 5n],
    [5.5, 1n, undefined],
    [1e300, 1n, undefined],
    ['9007199254740993', 1n, 9007199254740993n],
    ['5.0', 1n, undefined],
    [true, 1n, undefined],
    [5, 1, 5],
    ['1e3', 1, 1000],
    ['x', 1, undefined],
    [false, true, false],
    ['T', false, true],
    ['yes', false, undefined],
    [1, true, undefined],
    ['s', '', 's'],
    [1e21, '', '1000000000000000000000'],
    [0.1, '', '0.1'],
    [true, '', 'true'],
    [null, '', undefined],
    [{}, '', undefined],
    [[], 1, undefined],
    ['1s', new Duration(1n), undefined],
  ])('%j as %s', (raw, like, expected) => {
    expect(converted(raw, like)).toEqual(expected)
  })
})

describe('paths', () => {
  it.each([
    ['a//b', 'a/b'],
    ['./a', 'a'],
    ['a/', 'a'],
    ['a/./b/../c', 'a/c'],
    ['', '.'],
    ['/', '/'],
    ['.yml', '.yml'],
  ])('%j is cleaned to %j', (path, clean) => {
    expect(cleanPath(path)).toBe(clean)
    const buffer = new PathBuffer()
    buffer.render([{ text: Buffer.from(path) }], () => null, 0)
    expect(Buffer.from(buffer.bytes.slice(0, buffer.length)).toString()).toBe(clean)
  })

  it('knows the tags that templates look at', () => {
    expect(tagsOf(['a/{{.host}}', '{{ .dc }}-{{.host}}'].map(pathTemplate))).toEqual(['host', 'dc'])
    expect(tagsOf(['{{.host}}', '{{ .a | printf "%s" }}'].map(pathTemplate))).toBeNull()
  })
})

describe('planning', () => {
  const partition = (script: string) =>
    planTask(evaluateScript(script, {}).pipeline, { taskId: 't', shards: 4 }).partition
  const loaded = "|sideload().source('file:///x').order('{{.host}}').field('f', 1).tag('dc', 'x')"

  it('takes written tags out of the partition key', () => {
    expect(partition(`stream|from().groupBy('host', 'dc')${loaded}|window().period(1s).every(1s)`)).toEqual({
      kind: 'tags',
      tags: ['host'],
    })
    expect(partition(`stream|from()${loaded}|groupBy('dc')|window().period(1s).every(1s)`).kind).toBe('pinned')
  })

  it('reads the tags of its templates only', () => {
    const { reads, nodes } = planTask(evaluateScript(`stream|from()${loaded}|eval(lambda: "f").as('g')`, {}).pipeline, {
      taskId: 't',
      shards: 1,
    })
    expect(reads).toEqual(expect.arrayContaining(['host']))
    expect(nodes[1].needs.tags).toContain('host')
  })

  it('refuses defaults of other types', () => {
    expect(() => evaluateScript("stream|from()|sideload().field('f', lambda: 1)", {})).toThrow('unsupported type')
  })

  it('refuses a template that cannot be parsed when the task starts', () => {
    const { pipeline } = evaluateScript("stream|from()|sideload().source('file:///x').order('{{')", {})
    const node = pipeline.nodes.find((n) => n.def.method === 'sideload')!
    expect(() => node.def.check?.(node, { dbrps: null })).toThrow('template: order:1')
  })
})
