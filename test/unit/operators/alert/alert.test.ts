import { describe, expect, it } from 'vitest'
import { eventJson } from '../../../../src/alert-handlers/event-frame.js'
import { decodeFields, type EventCell } from '../../../../src/alert-handlers/event-rows.js'
import { TopicMirror } from '../../../../src/state/topic-mirror.js'
import { type AlertBench, type AlertProps, alertBench, brief, seconds } from '../alert-bench.js'

const times = (n: number, ...v: number[]): number[] => Array.from({ length: n }, () => v).flat()
const crit = '"v" > 8'
const second = 1_000_000_000n

describe('levels and emission (spec alerts 16)', () => {
  it.each([
    [1, { warn: '"v" > 5', crit }, [1, 6, 7, 9, 6, 1, 1, 6], '1:W(0) 2:W(1) 3:C(2) 4:W(3) 5:OK(4) 7:W(0)'],
    [2, { crit, noRecoveries: true }, [1, 9, 1, 9, 9, 1, 9], '1:C(0) 3:C(0) 4:C(1) 6:C(0)'],
    [
      3,
      { warn: '"v" > 5', crit, stateChangesOnly: [] },
      [1, 6, 7, 9, 9, 6, 1, 1, 6],
      '1:W(0) 3:C(2) 5:W(4) 6:OK(5) 8:W(0)',
    ],
    [
      4,
      { crit, stateChangesOnly: [seconds(3)] },
      [1, ...times(8, 9), ...times(5, 1), 9],
      '1:C(0) 4:C(3) 7:C(6) 9:OK(8) 14:C(0)',
    ],
    [5, { crit, stateChangesOnly: [], noRecoveries: true }, [1, 9, 9, 1, 1, 9, 9, 1, 9], '1:C(0) 5:C(0) 8:C(0)'],
    [6, { crit, stateChangesOnly: [seconds(2)] }, [9, 1, 1, 1, 1, 1, 9], '0:C(0) 1:OK(1) 6:C(0)'],
    [7, { crit, history: 0n }, [1, 9, 9, 1], '1:C(0) 2:C(1) 3:OK(2)'],
    [
      8,
      { crit, flapping: [0.25, 0.5], history: 5n },
      [1, 9, 1, 9, 1, 9, 1, 9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 1, 9, 9],
      '1:C(0) 2:OK(1) 11:C(10) 12:C(11) 13:OK(12) 18:C(0) 19:C(1)',
    ],
    [
      9,
      { crit, flapping: [0.25, 0.5], history: 5n },
      [1, 9, 1, 9, 1, 9, 1, 1, 1, 1, 1, 1, 1, 9, 9],
      '1:C(0) 2:OK(1) 13:C(0) 14:C(1)',
    ],
    [
      10,
      { crit, flapping: [0.25, 0.5] },
      [...times(16, 1, 9), ...times(20, 9), 1, 1, 1],
      '1:C(0) 2:OK(1) 3:C(0) 4:OK(1) 5:C(0) 6:OK(1) 7:C(0) 8:OK(1) 9:C(0) 10:OK(1) 47:C(38) 48:C(39) 49:C(40) 50:C(41) 51:C(42) 52:OK(43)',
    ],
    [11, { crit, flapping: [0.1, 0.3], history: 5n }, [...times(5, 9), ...times(8, 1)], '4:C(9223372036)'],
    [
      'resets',
      {
        info: '"v" > 60',
        infoReset: '"v" < 50',
        warn: '"v" > 70',
        warnReset: '"v" < 60',
        crit: '"v" > 80',
        critReset: '"v" < 70',
      },
      [61, 73, 64, 85, 62, 56, 47],
      '0:I(0) 1:W(1) 2:W(2) 3:C(3) 4:I(4) 5:I(5) 6:OK(6)',
    ],
    ['none', { stateChangesOnly: [] }, [1, 9], ''],
  ] as [unknown, AlertProps, number[], string][])('vector %s', (_n, props, values, expected) => {
    for (const rowsPerChunk of [1, 3, 1024]) {
      const b = alertBench(props, { rowsPerChunk })
      b.values(values)
      expect(brief(b.events())).toBe(expected)
    }
  })

  it('saturates the duration when flapping hid the first event', () => {
    const b = alertBench({ crit, flapping: [0.1, 0.3], history: 5n })
    b.values(times(5, 9))
    expect(b.events()[0].durationNs).toBe(0x7fffffffffffffffn)
  })

  it('keeps groups apart', () => {
    const b = alertBench({ crit, stateChangesOnly: [] }, { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=9 @1', 'm,h=b v=1 @1', 'm,h=a v=9 @2', 'm,h=b v=9 @2', 'm,h=a v=1 @3'])
    expect(b.events().map((e) => `${e.id} ${brief([e])}`)).toEqual(['m:h=a 1:C(0)', 'm:h=b 2:C(0)', 'm:h=a 3:OK(2)'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
  })

  it('shares stateful expressions between groups and evaluates them only when asked', () => {
    const b = alertBench({ crit: 'count() % 2 == 0' }, { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=1 @1', 'm,h=a v=1 @2', 'm,h=b v=1 @2'])
    expect(b.events().map((e) => `${e.id} ${brief([e])}`)).toEqual(['m:h=b 1:C(0)', 'm:h=b 2:C(1)'])
    const s = alertBench({ warn: 'count() > 2', crit: '"v" > 30.0 AND count() > 1' })
    s.values([31, 32, 1, 1, 33, 1])
    expect(brief(s.events())).toBe('1:C(0) 2:OK(1) 3:W(0) 4:C(1) 5:W(2)')
  })

  it('counts errors only where a predicate is asked', () => {
    const b = alertBench({ warn: '"w" > 5', crit: '"v" > 8' })
    b.feed.rows(b.op, ['m v=9 @1', 'm v=1 @2', 'm v=1,w=9 @3', 'm v=1,w="x" @4'])
    expect(brief(b.events())).toBe('1:C(0) 2:OK(1) 3:W(0) 4:OK(1)')
    // The row at 1 s is critical before the warning is asked; at 2 s it is asked once, at 4 s twice (current level).
    expect(b.ctx.errorCount).toBe(3)
    expect(b.ctx.errors[0]).toMatchObject({
      msg: 'error evaluating expression for level',
      err: 'left reference value "w" is missing value',
      extra: { level: 'WARNING' },
    })
  })

  it('takes a failing reset as passed', () => {
    const b = alertBench({ crit, critReset: '"nope" < 1' })
    b.values([9, 7, 1])
    expect(brief(b.events())).toBe('0:C(0) 1:OK(1)')
    expect(b.ctx.errors[0]).toMatchObject({ msg: 'error evaluating reset expression for current level' })
  })

  it('handles times that go backwards', () => {
    const b = alertBench({ info: '"v" > 10', crit: '"v" > 30', stateChangesOnly: [seconds(3)] })
    b.feed.rows(b.op, ['m v=31 @10', 'm v=32 @5', 'm v=33 @12', 'm v=34 @14', 'm v=5 @1', 'm v=31 @0'])
    expect(brief(b.events())).toBe('10:C(0) 14:C(4) 1:OK(-9) 0:C(0)')
  })
})

describe('batches', () => {
  const windows = '1 4 9|6 9 9|9 9 1|9 10 11|1 1 1|1 1 1|4 6 4|9 9 9'
  const run = (props: AlertProps) => {
    const b = alertBench({ info: '"v" > 3', warn: '"v" > 5', crit, ...props }, {}, 'batch')
    let t = 42
    const batches = windows.split('|').map((w) => {
      const lines = w.split(' ').map((v) => `m v=${v} @${t++}`)
      return { head: 'm', tmax: t, lines }
    })
    b.op.receive(b.feed.batchChunk(batches), 0)
    return b
  }

  it('takes the highest level, at its first point', () => {
    expect(brief(run({}).events())).toBe('44:C(0) 46:C(2) 48:C(4) 51:C(7) 57:OK(13) 61:W(0) 63:C(2)')
  })
  it('takes the lowest level with all()', () => {
    expect(brief(run({ all: true }).events())).toBe('48:W(0) 51:OK(3) 54:C(0) 57:OK(3) 63:I(0) 66:C(3)')
  })
  it('ignores empty batches and hands on those with an event', () => {
    const b = alertBench({ crit }, { dims: ['h'] }, 'batch')
    b.op.receive(
      b.feed.batchChunk([
        { head: 'm,h=a', tmax: 1, lines: [] },
        { head: 'm,h=a', tmax: 2, lines: ['m,h=a,c=x v=9 @1'] },
        { head: 'm,h=b', tmax: 2, lines: ['m,h=b v=1 @1'] },
      ]),
      0,
    )
    expect(brief(b.events())).toBe('1:C(0)')
    expect(b.out.take()).toEqual(['m,h=a {tmax=2 | c=x v=9@1}'])
  })
  it('events carry the fields of the point that they are about', () => {
    const b = alertBench({ crit }, { dims: ['h'] }, 'batch')
    b.feed.batch(b.op, 'm,h=a', 4, ['m,h=a,c=x v=1,n=1i @1', 'm,h=a,c=y v=9,n=2i,z="late" @2', 'm,h=a,c=z v=9,n=3i @3'])
    const [event] = b.events()
    expect(decodeFields(event.fields)).toEqual(
      new Map<string, EventCell>([
        ['v', 9],
        ['n', 2n],
        ['z', 'late'],
      ]),
    )
    const s = alertBench({ crit })
    s.feed.rows(s.op, ['m,c=x v=9,n=7i,ok=true @1'])
    const [point] = s.events()
    expect(decodeFields(point.fields)).toEqual(
      new Map<string, EventCell>([
        ['n', 7n],
        ['ok', true],
        ['v', 9],
      ]),
    )
  })
  it('lets recoveries through while flapping (trap 2)', () => {
    const b = alertBench({ crit, flapping: [0.1, 0.3], history: 5n }, {}, 'batch')
    ;[...times(5, 9), ...times(8, 1)].forEach((v, t) => {
      b.feed.batch(b.op, 'm', t, [`m v=${v} @${t}`])
    })
    expect(
      brief(b.events())
        .split(' ')
        .map((e) => e.split('(')[0]),
    ).toEqual(['4:C', '5:OK'])
  })
  it('regroups annotated batches by all their tags', () => {
    const b = alertBench({ crit, levelTag: 'lt', idField: 'if', durationField: 'df' }, { dims: ['h'] }, 'batch')
    b.feed.batch(b.op, 'm,h=a', 2, ['m,h=a v=9 @1', 'm,h=a v=10 @2'])
    b.feed.batch(b.op, 'm,h=a', 4, ['m,h=a v=1 @3'])
    expect(b.out.take()).toEqual([
      'm,h=a,lt=CRITICAL {tmax=2 | df=0i,if="m:h=a",v=9@1, df=0i,if="m:h=a",v=10@2}',
      'm,h=a,lt=OK {tmax=4 | df=3000000000i,if="m:h=a",v=1@3}',
    ])
    expect(b.groups()).toEqual(['h=a,lt=CRITICAL', 'h=a,lt=OK'])
    b.feed.barrier(b.op, 'm,h=a', 9)
    b.feed.deleteGroup(b.op, 'm,h=a')
    expect(b.out.take()).toEqual([])
  })
  it('keeps a tag of the group that its points lack', () => {
    const b = alertBench({ crit, levelTag: 'lt' }, { dims: ['h'] }, 'batch')
    b.feed.batch(b.op, 'm', 2, ['m,k=x v=9 @1'])
    expect(b.out.take()).toEqual(['m,h=,lt=CRITICAL {tmax=2 | k=x v=9@1}'])
    expect(b.groups()).toEqual(['h=,lt=CRITICAL'])
  })
  it('passes barriers and deletes on where the groups stay', () => {
    const b = alertBench({ crit, levelTag: 'lt' }, { dims: ['h'] })
    b.feed.barrier(b.op, 'm,h=a', 9)
    b.feed.deleteGroup(b.op, 'm,h=a')
    expect(b.out.take()).toEqual(['barrier h=a @9', 'delete h=a'])
  })
})

describe('events', () => {
  it('encodes the event of a point', () => {
    const b = alertBench(
      {
        crit,
        id: 'kap/{{ index .Tags "host" }}',
        message: '{{ .ID }} is {{ .Level }} v={{ .Fields.v }} <&>',
        details: '<b>{{ .Message }}</b> {{ .Fields.s }}',
      },
      { dims: ['host'] },
    )
    b.feed.rows(b.op, ['cpu,host=srv,dc=eu v=9.5,n=3i,s="a<b",b=true @1600000000.12'])
    const [e] = b.events()
    expect(eventJson(e, 0)).toBe(
      '{"id":"kap/srv","message":"kap/srv is CRITICAL v=9.5 \\u003c\\u0026\\u003e","details":"\\u003cb\\u003ekap/srv is CRITICAL v=9.5 \\u0026lt;\\u0026amp;\\u0026gt;\\u003c/b\\u003e a\\u0026lt;b","time":"2020-09-13T12:26:40.12Z","duration":0,"level":"CRITICAL","data":{"series":[{"name":"cpu","tags":{"dc":"eu","host":"srv"},"columns":["time","b","n","s","v"],"values":[["2020-09-13T12:26:40.12Z",true,3,"a\\u003cb",9.5]]}]},"previousLevel":"OK","recoverable":true}\n',
    )
    expect(e).toMatchObject({ name: 'cpu', group: 'host=srv', category: '', taskId: 'task' })
    expect([...e.tags].sort()).toEqual([
      ['dc', 'eu'],
      ['host', 'srv'],
    ])
  })

  it('encodes a batch with its group tags and the other tags as columns', () => {
    const b = alertBench({ crit }, { dims: ['h'] }, 'batch')
    b.feed.batch(b.op, 'm,h=a', 45, [
      'm,h=a,cpu=c0 v=1,x=0 @42',
      'm,h=a,cpu=c1 v=4,x=1 @43',
      'm,h=a,cpu=c0 v=9,x=2 @44',
    ])
    expect(b.events()[0].rows.json).toBe(
      '{"series":[{"name":"m","tags":{"h":"a"},"columns":["time","cpu","v","x"],"values":[["1970-01-01T00:00:42Z","c0",1,0],["1970-01-01T00:00:43Z","c1",4,1],["1970-01-01T00:00:44Z","c0",9,2]]}]}',
    )
  })

  it('keeps integers beyond 2^53 and says why an infinity has no JSON', () => {
    const b = alertBench({ crit, message: '{{ .Fields.n }}', details: 'x' })
    b.feed.rows(b.op, ['m v=9,n=9007199254740993i @1', 'm v=Infinity,n=1i @2'])
    const [big, inf] = b.events()
    expect(big.message).toBe('9007199254740993')
    expect(big.rows).toMatchObject({ json: expect.stringContaining('9007199254740993,9]'), kinds: '1tif', error: '' })
    expect(inf.rows).toMatchObject({ kinds: '1tiP', error: 'json: unsupported value: +Inf' })
  })

  it('annotates what it hands on and drops the rest', () => {
    const b = alertBench(
      { crit, levelTag: 'lt', idTag: 'it', levelField: 'lf', idField: 'if', messageField: 'mf', durationField: 'df' },
      { dims: ['h'] },
    )
    b.feed.rows(b.op, ['m,h=a v=1 @0', 'm,h=a v=9 @2', 'm,h=b v=9 @3', 'm,h=a v=1 @9'])
    expect(b.out.take()).toEqual([
      'm,h=a,it=m:h=a,lt=CRITICAL df=0i,if="m:h=a",lf="CRITICAL",mf="m:h=a is CRITICAL",v=9 @2',
      'm,h=b,it=m:h=b,lt=CRITICAL df=0i,if="m:h=b",lf="CRITICAL",mf="m:h=b is CRITICAL",v=9 @3',
      'm,h=a,it=m:h=a,lt=OK df=7000000000i,if="m:h=a",lf="OK",mf="m:h=a is OK",v=1 @9',
    ])
    expect(b.groups()).toEqual(['h=a', 'h=b', 'h=a'])
  })

  it('stops the task when a template fails, at the first event', () => {
    const b = alertBench({ crit, message: '{{ .Nope }}' })
    b.values([1, 1])
    expect(() => b.values([9])).toThrow(
      `node2: template: message:1:3: executing "message" at <.Nope>: can't evaluate field Nope in type kapacitor.messageInfo`.replace(
        'node2',
        b.ctx.nodeName,
      ),
    )
  })

  it('names the nil group nil, and a group by measurement with a line feed', () => {
    const nil = alertBench({ crit })
    nil.values([9])
    expect(nil.events()[0]).toMatchObject({ id: 'm:nil', group: '' })
    const byName = alertBench({ crit }, { dims: ['h'], byName: true })
    byName.feed.rows(byName.op, ['m,h=a v=9 @1'])
    expect(byName.events()[0].id).toBe('m:m\nh=a')
  })
})

describe('restore and inhibit', () => {
  const mirror = (...states: [string, string, number, bigint][]) => {
    const m = new TopicMirror(() => 0)
    for (const s of states) m.set(...s)
    return m
  }

  it('takes up the stored level of a group when it is first seen', () => {
    const b = alertBench({ crit, topic: 't' }, { dims: ['h'] })
    Object.assign(b.ctx, { topicStates: mirror(['t', 'm:h=a', 3, 5_000_000_000n]) })
    b.feed.rows(b.op, ['m,h=a v=9 @10', 'm,h=b v=1 @10', 'm,h=a v=1 @11'])
    expect(brief(b.events())).toBe('10:C(5) 11:OK(6)')
  })

  it('restores a deleted group from the mirror', () => {
    const b = alertBench({ crit, topic: 't', stateChangesOnly: [] }, { dims: ['h'] })
    const m = mirror()
    Object.assign(b.ctx, { topicStates: m })
    b.feed.rows(b.op, ['m,h=a v=9 @10'])
    m.set('t', 'm:h=a', 3, 10_000_000_000n)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.rows(b.op, ['m,h=a v=9 @12', 'm,h=a v=1 @13'])
    expect(brief(b.events())).toBe('10:C(0) 13:OK(3)')
    expect(b.ctx.counters.get('working_cardinality')).toBe(1)
  })

  const shared = (props: AlertProps, edge: 'stream' | 'batch' = 'stream') => {
    const b = alertBench(
      { warn: '"v" > 5.0', crit: '"v" > 8.0', topic: 't', id: 'one', ...props },
      { dims: ['h'] },
      edge,
    )
    Object.assign(b.ctx, { topicStates: mirror() })
    return b
  }
  const events = (b: AlertBench): string[] => b.events().map((e) => `${e.group} ${e.level} ${e.durationNs / second}`)

  it('gives groups that share an id its newest level when they are first seen, within one chunk too', () => {
    const rows = ['a v=9 @0', 'b v=9 @10', 'c v=6 @20', 'a v=9 @30', 'b v=9 @40', 'a v=1 @50', 'b v=1 @60']
    const b = shared({ stateChangesOnly: [] })
    b.feed.rows(
      b.op,
      rows.map((r) => `m,h=${r}`),
    )
    const all = ['h=a 3 0', 'h=c 2 20', 'h=a 0 50', 'h=b 0 60']
    expect(events(b)).toEqual(all)
    const one = shared({ stateChangesOnly: [] })
    for (const r of rows) one.feed.rows(one.op, [`m,h=${r}`])
    expect(events(one)).toEqual(all)
  })

  it('does the same for batches', () => {
    const b = shared({}, 'batch')
    b.op.receive(
      b.feed.batchChunk([
        { head: 'm,h=a', tmax: 1, lines: ['m,h=a v=9 @0'] },
        { head: 'm,h=b', tmax: 11, lines: ['m,h=b v=9 @10'] },
        { head: 'm,h=c', tmax: 21, lines: ['m,h=c v=9 @20'] },
        { head: 'm,h=d', tmax: 31, lines: ['m,h=d v=1 @30'] },
        { head: 'm,h=e', tmax: 41, lines: ['m,h=e v=1 @40'] },
      ]),
      0,
    )
    expect(events(b)).toEqual(['h=a 3 0', 'h=b 3 10', 'h=c 3 10', 'h=d 0 11'])
  })

  it('gives an id no level from an event that the node itself inhibits', () => {
    const rows = ['m,h=a,k=1 v=9 @0', 'm,h=b,k=1 v=9 @10']
    const b = shared({ inhibit: ['', 'h'] })
    b.feed.rows(b.op, rows)
    expect(events(b)).toEqual(['h=a 3 0', 'h=b 3 0'])
    const other = shared({ inhibit: ['app', 'h'] })
    other.feed.rows(other.op, rows)
    expect(events(other)).toEqual(['h=a 3 0', 'h=b 3 10'])
  })

  it('switches inhibitors with the group, and off when the group goes', () => {
    const b = alertBench(
      { crit, inhibit: ['app', 'h', 'x'], stateChangesOnly: [], noRecoveries: true },
      { dims: ['h'] },
    )
    b.feed.rows(b.op, ['m,h=a v=9 @1', 'm,h=a v=9 @2', 'm,h=a v=1 @3', 'm,h=b v=9 @4'])
    b.feed.deleteGroup(b.op, 'm,h=b')
    const inhibitors = (h: string) => [
      {
        category: 'app',
        tags: [
          ['h', h],
          ['x', ''],
        ],
      },
    ]
    expect(b.inhibits()).toEqual([
      { on: true, group: 0, inhibitors: inhibitors('a') },
      { on: false, group: 0, inhibitors: inhibitors('a') },
      { on: true, group: 1, inhibitors: inhibitors('b') },
      { on: false, group: 1, inhibitors: inhibitors('b') },
    ])
  })
})

describe('memory', () => {
  it('keeps at most 50 bytes per group with flapping over 21 levels, one byte for groups that stay OK', () => {
    const bytesOf = (v: number): number => {
      const b = alertBench({ crit, flapping: [0.25, 0.5] }, { dims: ['h'] })
      const before = b.ctx.state.bytes
      const groups = 32 * 1024
      b.feed.rows(
        b.op,
        Array.from({ length: groups }, (_, i) => `m,h=h${i} v=${v} @1`),
      )
      b.ctx.sent.length = 0
      return (b.ctx.state.bytes - before) / groups
    }
    expect(bytesOf(1)).toBeLessThanOrEqual(2)
    expect(bytesOf(9)).toBeLessThanOrEqual(50)
  })
})
