/**
 * Windows against a recalculation by the letter of the specification (nodes 4.6, with the original's ring buffer), and windows over panes against windows over
 * rows: outputs, error counts, edge counts and group counts, for random input with late and repeated times, barriers, deletes
 * and mixed kinds, cut into chunks at random. The same for windows that main's clock closes.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Duration } from '../../src/columns/values.js'
import { influxqlEntries } from '../../src/operators/influxql/influxql-defs.js'
import type { Operator } from '../../src/operators/operator.js'
import { createFusedWindow } from '../../src/operators/window/fused-window.js'
import { whyRows } from '../../src/operators/window/fusing.js'
import { windowDef, windowEntry } from '../../src/operators/window/window.js'
import type { ScriptValue } from '../../src/tickscript/node-def.js'
import { Collector, connect, Harness, plan, type TestContext } from '../unit/operators/harness.js'

interface WindowProps {
  period: number
  every: number
  align: boolean
  /** Of aligned due times. */
  offset: number
  fillPeriod: boolean
  /** 0: only messages close windows. */
  closeAfter: number
}

type Event =
  | { readonly type: 'row'; readonly group: string; readonly at: number; readonly value: string }
  | { readonly type: 'barrier'; readonly group: string; readonly at: number }
  | { readonly type: 'delete'; readonly group: string }
  | { readonly type: 'cut' }
  | { readonly type: 'clock'; readonly byMs: number }

const msNs = 1_000_000n

/** All instants and spans are in milliseconds here. */
function scriptProps(p: WindowProps): Record<string, ScriptValue> {
  return {
    period: new Duration(BigInt(p.period) * msNs),
    every: new Duration(BigInt(p.every) * msNs),
    ...(p.align ? { align: p.offset === 0 ? [] : [new Duration(BigInt(p.offset) * msNs)] } : {}),
    fillPeriod: p.fillPeriod,
    ...(p.closeAfter > 0 && p.every > 0 ? { closeAfter: new Duration(BigInt(p.closeAfter) * msNs) } : {}),
  }
}

const groupArb = fc.constantFrom('a', 'b')
const valueArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -40, max: 40 }).map((v) => `v=${v / 4}`) },
  { weight: 6, arbitrary: fc.integer({ min: -9, max: 9 }).map((v) => `v=${v}i`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('v="s"', 'v=true', 'v=5d', 'w=1', 'v=9223372036854775807i', 'v=9007199254740993i'),
  },
)

/** Times mostly go on, sometimes stay, sometimes go back or jump. */
const eventsOf = (values: fc.Arbitrary<string>): fc.Arbitrary<Event[]> =>
  fc
    .array(
      fc.tuple(
        fc.oneof(
          { weight: 12, arbitrary: fc.record({ type: fc.constant('row' as const), group: groupArb, value: values }) },
          { weight: 2, arbitrary: fc.record({ type: fc.constant('barrier' as const), group: groupArb }) },
          { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), group: groupArb }) },
          { weight: 2, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
        ),
        fc.oneof(
          { weight: 8, arbitrary: fc.integer({ min: 0, max: 2500 }) },
          { weight: 2, arbitrary: fc.constant(0) },
          { weight: 2, arbitrary: fc.integer({ min: -9000, max: 0 }) },
          { weight: 1, arbitrary: fc.integer({ min: 0, max: 60_000 }) },
        ),
      ),
      { maxLength: 90 },
    )
    .map((list): Event[] => {
      let at = 1_500_001_200_000
      return list.map(([e, step]): Event => {
        // A late message does not turn the clock back.
        if (step > 0) at += step
        const time = step < 0 ? at + step : at
        return e.type === 'row' || e.type === 'barrier' ? { ...e, at: time } : e
      })
    })

const eventsArb = eventsOf(valueArb)
/** Also of one kind throughout: int64 to its ends, whole floats (small and too large for an exact total), any floats. */
const kindsArb = fc.oneof(
  eventsArb,
  eventsOf(
    fc
      .oneof(fc.integer({ min: -9, max: 9 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
      .map((v) => `v=${v}i`),
  ),
  eventsOf(
    fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constant(-0)).map((v) => `v=${Object.is(v, -0) ? '-0' : v}`),
  ),
  eventsOf(
    fc
      .oneof(
        { weight: 9, arbitrary: fc.integer({ min: -1000, max: 1000 }) },
        { weight: 1, arbitrary: fc.constantFrom(2 ** 31, 1e15, 0.5, -(2 ** 31)) },
      )
      .map((v) => `v=${v}`),
  ),
  eventsOf(fc.integer({ min: -40, max: 40 }).map((v) => `v=${v / 4}`)),
)

const secondsArb = fc.oneof(
  fc.integer({ min: 1, max: 12 }).map((s) => s * 1000),
  fc.constantFrom(250, 700, 1500),
)
const propsArb: fc.Arbitrary<WindowProps> = fc.record({
  period: secondsArb,
  every: fc.oneof({ weight: 6, arbitrary: secondsArb }, { weight: 1, arbitrary: fc.constant(0) }),
  align: fc.boolean(),
  offset: fc.oneof(fc.constant(0), fc.integer({ min: -20_000, max: 20_000 })),
  fillPeriod: fc.boolean(),
  closeAfter: fc.constant(0),
})
const closingArb = fc
  .tuple(propsArb, fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20_000 })))
  .map(([p, closeAfter]): WindowProps => ({ ...p, closeAfter }))

const startMs = 1_500_001_200_000
/** The clock goes on between messages; it need not agree with their times. */
const timedArb = fc
  .tuple(
    eventsArb,
    fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 40_000 })), {
      maxLength: 90,
    }),
  )
  .map(([events, steps]): Event[] =>
    [...events, { type: 'clock' as const, byMs: 0 }].flatMap((e, i): Event[] =>
      (steps[i] ?? 0) > 0 ? [e, { type: 'clock', byMs: steps[i] }] : [e],
    ),
  )

/** Plays events into an operator; rows between cuts and control messages share a chunk. */
function play(events: readonly Event[], h: Harness, op: Operator): void {
  const feed = h.feed({ dims: ['h'] })
  let rows: string[] = []
  let now = startMs
  h.advance(now)
  const flush = (): void => {
    if (rows.length > 0) feed.rows(op, rows)
    rows = []
  }
  for (const e of events) {
    if (e.type === 'row') rows.push(`m,h=${e.group},c=1 k=1,${e.value} @${BigInt(e.at) * msNs}n`)
    else flush()
    if (e.type === 'barrier') feed.barrier(op, `m,h=${e.group}`, `${BigInt(e.at) * msNs}n`)
    if (e.type === 'delete') feed.deleteGroup(op, `m,h=${e.group}`)
    if (e.type === 'clock') {
      now += e.byMs
      h.advance(now)
    }
  }
  flush()
}

const zeroMs = 62_135_596_800_000

/** Times of rows, in arrival order, that are dropped from the front. */
interface Buffer {
  insert(at: number): void
  purge(expired: (at: number) => boolean): void
  rows(): number[]
}

/** Stripping up to the first row that has not expired, whatever lies behind it. */
class ListBuffer implements Buffer {
  private list: number[] = []

  insert(at: number): void {
    this.list.push(at)
  }

  purge(expired: (at: number) => boolean): void {
    while (this.list.length > 0 && expired(this.list[0])) this.list.shift()
  }

  rows(): number[] {
    return this.list
  }
}

/** The same in a ring: when rows wrap and the one in the last place has expired, all up to there go. */
class RingBuffer implements Buffer {
  private places: number[] = []
  private capacity = 0
  private start = 0
  private stop = 0
  private size = 0

  insert(at: number): void {
    if (this.size === this.capacity) {
      this.places = this.rows()
      this.capacity = 2 * (this.size + 1)
      this.start = 0
      this.stop = this.size
    }
    if (this.stop === this.capacity) this.stop = 0
    this.places[this.stop++] = at
    this.size++
  }

  purge(expired: (at: number) => boolean): void {
    if (this.size === 0) return
    const end = this.places.length
    let wrapped = this.start >= this.stop
    if (wrapped && expired(this.places[end - 1])) {
      wrapped = false
      this.start = 0
    }
    const to = wrapped ? end : this.stop
    while (this.start < to && expired(this.places[this.start])) this.start++
    this.size = (wrapped ? end : 0) + this.stop - this.start
  }

  rows(): number[] {
    if (this.size === 0) return []
    if (this.start < this.stop) return this.places.slice(this.start, this.stop)
    return [...this.places.slice(this.start), ...this.places.slice(0, this.stop)]
  }
}

/** The window of the specification. Emits `group|tmax|times`. */
function naive(p: WindowProps, events: readonly Event[], newBuffer: () => Buffer): string[] {
  const out: string[] = []
  const groups = new Map<string, { due: number; buffer: Buffer; lag: number }>()
  const closing = p.closeAfter > 0 && p.every > 0
  let now = startMs
  const trunc = (t: number): number => (p.every === 0 ? t : t - ((t - p.offset + zeroMs) % p.every))
  const emit = (g: string, tmax: number, rows: number[]): void => {
    out.push(`${g}|${tmax}|${rows.join(',')}`)
  }
  const closeDue = (name: string): void => {
    const g = groups.get(name)!
    for (;;) {
      if (g.lag === Infinity || g.due + g.lag + p.closeAfter > now) return
      const left = (): boolean => {
        const from = g.due - p.period
        g.buffer.purge((t) => t < from)
        return g.buffer.rows().length > 0
      }
      if (left()) {
        emit(name, g.due, g.buffer.rows())
        g.due = p.align ? trunc(g.due + p.every) : g.due + p.every
      }
      if (!left()) {
        g.lag = Infinity
        g.buffer = newBuffer()
      }
    }
  }
  for (const e of events) {
    if (e.type === 'clock') {
      now += e.byMs
      if (closing) for (const name of groups.keys()) closeDue(name)
      continue
    }
    if (e.type === 'delete') {
      if (groups.delete(e.group)) out.push(`delete ${e.group}`)
      continue
    }
    if (e.type === 'cut') continue
    let g = groups.get(e.group)
    if (g === undefined) {
      g = { due: firstDue(p, e.at, trunc), buffer: newBuffer(), lag: Infinity }
      groups.set(e.group, g)
    }
    const { buffer } = g
    if (p.every > 0) {
      if (e.at >= g.due) {
        const from = g.due - p.period
        buffer.purge((t) => t < from)
        emit(e.group, g.due, buffer.rows())
        g.due = p.align ? trunc(e.at + p.every) : e.at + p.every
        g.lag = Infinity
      }
      if (e.type === 'row') buffer.insert(e.at)
      g.lag = Math.min(g.lag, now - e.at)
    } else {
      if (e.type === 'row') buffer.insert(e.at)
      if (e.at >= g.due) {
        buffer.purge((t) => t <= e.at - p.period)
        emit(e.group, e.at, buffer.rows())
        g.due = e.at
      }
    }
  }
  return out
}

function firstDue(p: WindowProps, at: number, trunc: (t: number) => number): number {
  if (p.every === 0) return p.fillPeriod ? at + p.period : at
  if (!p.fillPeriod) return p.align ? trunc(at + p.every) : at + p.every
  const due = p.align ? trunc(at + p.period) : at + p.period
  return p.align && due <= at + p.period ? due + p.every : due
}

/** `m,h=a {tmax=… | c=1 v=1@t, …}` → `a|tmax|times`. */
function summary(line: string): string {
  if (line.startsWith('delete h=')) return `delete ${line.slice(9)}`
  const ms = (t: string): string => (t.endsWith('n') ? String(BigInt(t.slice(0, -1)) / msNs) : `${t}000`)
  const [, group, tmax, rows] = /^[^,]*,h=(\w+) \{tmax=(\w+) \| (.*)\}$/.exec(line)!
  const times = rows === '' ? [] : rows.split(', ').map((r) => ms(r.slice(r.lastIndexOf('@') + 1)))
  return `${group}|${ms(tmax)}|${times.join(',')}`
}

describe('time windows', () => {
  it('emit what the specification says', () => {
    fc.assert(
      fc.property(propsArb, eventsArb, (props, events) => {
        const h = new Harness()
        const op = windowEntry.create!(plan(windowDef, [], scriptProps(props), { groupedBy: ['h'] }), h.context())
        const out = new Collector(h)
        connect(op, out)
        play(events, h, op)
        expect(out.take().map(summary)).toEqual(naive(props, events, () => new RingBuffer()))
      }),
      { numRuns: 1500 },
    )
  })
})

/** Groups are closed in the order of their timers, which is not the model's business. */
const byGroup = (lines: readonly string[]): string[] => [...lines].sort((a, b) => Number(isOfB(a)) - Number(isOfB(b)))
const isOfB = (line: string): boolean => line.startsWith('b|') || line.startsWith('delete b') || line.includes('h=b')

describe('windows that the clock closes', () => {
  it('emit what the specification says, as if a barrier came at the due time', () => {
    let closed = 0
    fc.assert(
      fc.property(closingArb, timedArb, (props, events) => {
        const h = new Harness()
        const ctx = h.context()
        const op = windowEntry.create!(plan(windowDef, [], scriptProps(props), { groupedBy: ['h'] }), ctx)
        const out = new Collector(h)
        connect(op, out)
        play(events, h, op)
        expect(byGroup(out.take().map(summary))).toEqual(byGroup(naive(props, events, () => new RingBuffer())))
        closed += ctx.counters.get('closed_by_time') ?? 0
      }),
      { numRuns: 800 },
    )
    expect(closed).toBeGreaterThan(1000)
  })

  it('are the same over panes', () => {
    let compared = 0
    fc.assert(
      fc.property(closingArb, timedArb, (props, events) => {
        const panes = overPanes(props, events, false)
        if (panes === null) return
        if (naive(props, events, () => new ListBuffer()).join() !== naive(props, events, () => new RingBuffer()).join())
          return
        compared++
        const sorted = (parts: Outcome[]): Outcome[] => parts.map((part) => ({ ...part, out: byGroup(part.out) }))
        expect(sorted(panes)).toEqual(sorted(overRows(props, events, false)))
      }),
      { numRuns: 800 },
    )
    expect(compared).toBeGreaterThan(100)
  })
})

describe('count windows', () => {
  it('emit the last periodCount rows every everyCount rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 80 }),
        fc.integer({ min: 1, max: 30 }),
        (period, every, fillPeriod, n, rowsPerChunk) => {
          const h = new Harness()
          const props = { periodCount: BigInt(period), everyCount: BigInt(every), fillPeriod }
          const op = windowEntry.create!(plan(windowDef, [], props), h.context())
          const out = new Collector(h)
          connect(op, out)
          h.feed({ rowsPerChunk }).rows(
            op,
            Array.from({ length: n }, (_, i) => `m v=${i}i @${i}`),
          )
          const expected: string[] = []
          for (let due = fillPeriod ? period : every; due <= n; due += every) {
            const rows: string[] = []
            for (let i = Math.max(0, due - period); i < due; i++) rows.push(`v=${i}i@${i}`)
            expected.push(`m {tmax=${due - 1} | ${rows.join(', ')}}`)
          }
          expect(out.take()).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })
})

interface Outcome {
  out: string[]
  errors: number
  batches: number
  groups: number | undefined
}

/** The last one counts every row. */
const readers = [
  ['count', 'v'],
  ['sum', 'v'],
  ['mean', 'v'],
  ['spread', 'v'],
  ['count', 'k'],
] as const

function children(parent: ReturnType<typeof plan>, pointTimes: boolean) {
  return readers.map(([method, field]) => {
    const { def } = influxqlEntries.find((e) => e.def.method === method)!
    return plan(def, [field], { usePointTimes: pointTimes }, { groupedBy: ['h'], parent })
  })
}

function outcome(out: Collector, ctx: TestContext, edge: { n: number }): Outcome {
  return {
    out: out.take(),
    errors: ctx.errorCount,
    batches: edge.n,
    groups: ctx.counters.get('working_cardinality'),
  }
}

function overRows(props: WindowProps, events: readonly Event[], pointTimes: boolean): Outcome[] {
  const h = new Harness()
  const window = plan(windowDef, [], scriptProps(props), { groupedBy: ['h'] })
  const planned = children(window, pointTimes)
  const op = windowEntry.create!(window, h.context())
  const parts = planned.map((p) => {
    const ctx = h.context()
    const child = influxqlEntries.find((e) => e.def === p.node.def)!.create!(p, ctx)
    const out = new Collector(h)
    const edge = connect(op, child)
    connect(child, out)
    return { out, ctx, edge }
  })
  play(events, h, op)
  return parts.map((p) => outcome(p.out, p.ctx, p.edge))
}

function overPanes(props: WindowProps, events: readonly Event[], pointTimes: boolean): Outcome[] | null {
  const h = new Harness()
  const window = plan(windowDef, [], scriptProps(props), { groupedBy: ['h'] })
  const planned = children(window, pointTimes)
  if (
    whyRows(
      window.node,
      planned.map((p) => p.node),
    ) !== null
  )
    return null
  const ctxs = planned.map(() => h.context())
  const fused = createFusedWindow(
    window,
    h.context(),
    planned.map((p, i) => ({ planned: p, ctx: ctxs[i] })),
  )
  const parts = fused.outputs.map((child, i) => {
    const out = new Collector(h)
    const edge = connect(fused.window, child)
    connect(child, out)
    return { out, ctx: ctxs[i], edge }
  })
  play(events, h, fused.window)
  return parts.map((p) => outcome(p.out, p.ctx, p.edge))
}

describe('windows over panes', () => {
  it('do what windows over rows do, unless the place of late rows in the ring matters', () => {
    let compared = 0
    fc.assert(
      fc.property(propsArb, kindsArb, fc.boolean(), (props, events, pointTimes) => {
        const panes = overPanes(props, events, pointTimes)
        const fusible = props.every > 0 && (props.align || props.period <= props.every)
        expect(panes !== null).toBe(fusible)
        if (panes === null) return
        const stripped = naive(props, events, () => new ListBuffer())
        const rows = stripped.filter((s) => !s.startsWith('delete')).map((s) => s.split('|')[2])
        const counts = panes[4].out
          .filter((s) => !s.startsWith('delete'))
          .map((s) => Number(/count=(\d+)i/.exec(s)![1]))
        expect(counts).toEqual(rows.map((times) => (times === '' ? 0 : times.split(',').length)))
        if (stripped.join() !== naive(props, events, () => new RingBuffer()).join()) return
        compared++
        expect(panes).toEqual(overRows(props, events, pointTimes))
      }),
      { numRuns: 1500 },
    )
    expect(compared).toBeGreaterThan(200)
  })

  it('are not used where rows are needed', () => {
    const h = (props: Record<string, ScriptValue>, method: string): boolean => {
      const window = plan(windowDef, [], props)
      const { def } = influxqlEntries.find((e) => e.def.method === method)!
      return whyRows(window.node, [plan(def, ['v'], {}, { parent: window }).node]) === null
    }
    const s = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)
    expect(h({ period: s(10), every: s(10) }, 'sum')).toBe(true)
    expect(h({ period: s(10), every: s(10) }, 'max')).toBe(false)
    expect(h({ period: s(10), every: s(5) }, 'sum')).toBe(false)
    expect(h({ period: s(10), every: s(5), align: true }, 'sum')).toBe(true)
    expect(h({ period: s(10) }, 'sum')).toBe(false)
    expect(h({ period: s(3600), every: s(7), align: true }, 'sum')).toBe(false)
    expect(h({ periodCount: 3n, everyCount: 3n }, 'sum')).toBe(false)
  })
})
