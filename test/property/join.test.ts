/**
 * Joins against a model by the letter of the specification (nodes 4.15): random interleavings of two or three parents with late
 * and repeated times, barriers and deletes, cut into chunks at random, on one operator and on several that share the groups.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fnvOffset, fnvPrime, mixHash } from '../../src/transport/routes.js'
import { Harness } from '../unit/operators/harness.js'
import { type ScriptBench, scriptBench } from '../unit/operators/join-script.js'

type Event =
  | {
      readonly type: 'row'
      readonly parent: number
      readonly group: string
      readonly at: number
      readonly value: number
    }
  | { readonly type: 'barrier'; readonly parent: number; readonly group: string; readonly at: number }
  | { readonly type: 'delete'; readonly parent: number; readonly group: string }
  | { readonly type: 'cut' }

type Fill = 'inner' | 'null' | 'number'

interface Case {
  readonly parents: number
  readonly tolerance: number
  readonly fill: Fill
  readonly streamName: boolean
  readonly events: readonly Event[]
}

const measurements = ['a', 'b', 'd']
const groupNames = ['x', 'y', 'z']

const groupArb = fc.constantFrom(...groupNames)

/** Each parent has a clock of its own that mostly goes on; sometimes a message is late. */
function eventsArb(parents: number): fc.Arbitrary<Event[]> {
  const parentArb = fc.integer({ min: 0, max: parents - 1 })
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: -6, max: -1 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4, max: 12 }) },
  )
  const one = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        type: fc.constant('row' as const),
        parent: parentArb,
        group: groupArb,
        value: fc.integer({ min: 0, max: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('barrier' as const), parent: parentArb, group: groupArb }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), parent: parentArb, group: groupArb }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
  )
  return fc.array(fc.tuple(one, step), { maxLength: 120 }).map((list) => {
    const clocks = new Array<number>(parents).fill(100)
    return list.map(([e, by]): Event => {
      if (e.type === 'cut' || e.type === 'delete') return e
      if (by > 0) clocks[e.parent] += by
      return { ...e, at: by < 0 ? clocks[e.parent] + by : clocks[e.parent] }
    })
  })
}

const caseArb: fc.Arbitrary<Case> = fc.integer({ min: 2, max: 3 }).chain((parents) =>
  fc.record({
    parents: fc.constant(parents),
    tolerance: fc.constantFrom(0, 0, 1, 3, 4),
    fill: fc.constantFrom<Fill>('inner', 'null', 'number'),
    streamName: fc.boolean(),
    events: eventsArb(parents),
  }),
)

/** Rounding of whole seconds, counted from year 1. */
function rounded(at: number, tolerance: number): number {
  if (tolerance === 0) return at
  const abs = at + 62_135_596_800
  const rem = abs % tolerance
  return rem * 2 < tolerance ? at - rem : at - rem + tolerance
}

/** Fields of a row: some rows lack one. */
function fieldsOf(value: number): Record<string, string> {
  return value === 0 ? { w: '0' } : value === 1 ? { v: '1', w: '5i' } : { v: String(value) }
}

interface ModelGroup {
  sets: { time: number; messages: (number | undefined)[] }[]
  heads: number[]
}

class Model {
  readonly out: string[] = []
  readonly groups = new Map<string, ModelGroup>()

  constructor(private readonly c: Case) {}

  play(): string[] {
    for (const e of this.c.events) this.take(e)
    for (const [name, g] of this.groups) {
      g.sets.sort((a, b) => a.time - b.time)
      for (const s of g.sets) this.emit(name, s)
    }
    return this.out
  }

  private take(e: Event): void {
    if (e.type === 'cut') return
    if (e.type === 'delete') {
      if (this.groups.delete(e.group)) this.out.push(`delete h=${e.group}`)
      return
    }
    let g = this.groups.get(e.group)
    if (g === undefined) {
      g = { sets: [], heads: new Array<number>(this.c.parents).fill(Number.NEGATIVE_INFINITY) }
      this.groups.set(e.group, g)
    }
    const time = rounded(e.at, this.c.tolerance)
    if (e.type === 'barrier') g.heads[e.parent] = Math.max(g.heads[e.parent], time)
    else {
      let set = g.sets.find((s) => s.time === time && s.messages[e.parent] === undefined)
      if (set === undefined) {
        set = { time, messages: new Array<number | undefined>(this.c.parents).fill(undefined) }
        g.sets.push(set)
      }
      set.messages[e.parent] = e.value
      g.heads[e.parent] = time
    }
    this.settle(e.group, g)
    if (e.type === 'barrier') this.out.push(`barrier h=${e.group} @${e.at}`)
  }

  private settle(name: string, g: ModelGroup): void {
    while (g.sets.length > 0) {
      const oldest = Math.min(...g.sets.map((s) => s.time))
      const strict = g.heads.some((h) => h <= oldest)
      for (const s of g.sets.filter((x) => x.time === oldest)) {
        if (strict && s.messages.includes(undefined)) break
        this.emit(name, s)
        g.sets.splice(g.sets.indexOf(s), 1)
      }
      if (strict) return
    }
  }

  private emit(group: string, set: ModelGroup['sets'][number]): void {
    const { fill, streamName, parents } = this.c
    const complete = !set.messages.includes(undefined)
    if (!complete && fill === 'inner') return
    const first = set.messages.findIndex((m) => m !== undefined)
    const fields: [string, string][] = []
    for (let p = 0; p < parents; p++) {
      const m = set.messages[p]
      if (m !== undefined) for (const [k, v] of Object.entries(fieldsOf(m))) fields.push([`p${p}.${k}`, v])
      else {
        const filled = fill === 'null' ? 'null' : '7.5'
        for (const k of Object.keys(fieldsOf(set.messages[first]!))) fields.push([`p${p}.${k}`, filled])
      }
    }
    fields.sort(([a], [b]) => (a < b ? -1 : 1))
    const name = streamName ? 's' : measurements[first]
    this.out.push(`${name},h=${group} ${fields.map(([k, v]) => `${k}=${v}`).join(',')} @${set.time}`)
  }
}

function script(c: Case, tail: string): string {
  const names = measurements.slice(0, c.parents)
  const vars = names.map((m) => `var ${m} = stream|from().measurement('${m}').groupBy('h')`)
  const as = names.map((_, p) => `'p${p}'`).join(', ')
  const fill = c.fill === 'inner' ? '' : c.fill === 'null' ? ".fill('null')" : '.fill(7.5)'
  const tolerance = c.tolerance === 0 ? '' : `.tolerance(${c.tolerance}s)`
  const streamName = c.streamName ? ".streamName('s')" : ''
  return `${vars.join('\n')}\na|join(${names.slice(1).join(', ')}).as(${as})${fill}${tolerance}${streamName}${tail}`
}

/** Plays the events into operators that share the groups; what comes out, operator by operator. */
function play(c: Case, benches: readonly ScriptBench[], shardOf: (group: string) => number): string[] {
  let pending: string[][] = c.events.length === 0 ? [] : benches.map(() => [])
  let parent = -1
  const flush = (): void => {
    pending.forEach((lines, s) => {
      if (lines.length > 0) benches[s].feeds[parent].rows(benches[s].op, lines, parent)
    })
    pending = benches.map(() => [])
  }
  for (const e of c.events) {
    if (e.type !== 'row' || e.parent !== parent) flush()
    if (e.type === 'cut') continue
    const s = shardOf(e.group)
    const { op, feeds } = benches[s]
    const head = `m,h=${e.group}`
    if (e.type === 'barrier') feeds[e.parent].barrier(op, head, e.at, e.parent)
    else if (e.type === 'delete') feeds[e.parent].deleteGroup(op, head, e.parent)
    else {
      parent = e.parent
      const fields = Object.entries(fieldsOf(e.value)).map(([k, v]) => `${k}=${v}`)
      pending[s].push(`${measurements[e.parent]},h=${e.group},k=${e.value} ${fields.join(',')} @${e.at}`)
    }
  }
  flush()
  for (const b of benches) b.op.stop()
  return benches.flatMap((b) => b.out.take())
}

/** The sequence of each group. */
function byGroup(lines: readonly string[]): Record<string, string[]> {
  const out: Record<string, string[]> = {}
  for (const g of groupNames) out[g] = lines.filter((line) => line.includes(`h=${g}`))
  return out
}

/** The values that only `p0.v` and `p1.v` have, in the form that a join with projected fields gives. */
function projected(lines: readonly string[]): string[] {
  return lines.map((line) => {
    if (line.startsWith('barrier') || line.startsWith('delete')) return line
    const [head, cells, at] = line.split(' ')
    const kept = cells.split(',').filter((f) => f.startsWith('p0.v=') || f.startsWith('p1.v='))
    return [head, kept.join(','), at].filter((s) => s !== '').join(' ')
  })
}

function hashOf(text: string): number {
  let h = fnvOffset as number
  for (const b of Buffer.from(text)) h = Math.imul(h ^ b, fnvPrime)
  return mixHash(h)
}

describe('join', () => {
  const feeds = [{ dims: ['h'] }]

  it('of whole points is the model, in the order of the messages', () => {
    fc.assert(
      fc.property(caseArb, (c) => {
        const b = scriptBench(script(c, "|httpOut('o')"), 'join', { feeds })
        const out = play(c, [b], () => 0)
        const expected = new Model(c).play()
        expect(byGroup(out)).toEqual(byGroup(expected))
        b.op.dispose()
        expect(b.ctx.state.bytes).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  it('of the fields that are read below is the model without the others', () => {
    const tail = '|eval(lambda: "p0.v" + "p1.v").as(\'sum\')'
    fc.assert(
      fc.property(caseArb, fc.boolean(), (c, decoded) => {
        const b = scriptBench(script(c, tail), 'join', { feeds: [{ dims: ['h'], reads: decoded ? undefined : ['v'] }] })
        expect(byGroup(play(c, [b], () => 0))).toEqual(byGroup(projected(new Model(c).play())))
      }),
      { numRuns: 300 },
    )
  })

  it('is the same per group on several shards', () => {
    fc.assert(
      fc.property(caseArb, fc.integer({ min: 2, max: 4 }), (c, shards) => {
        const harness = new Harness()
        const benches = Array.from({ length: shards }, () =>
          scriptBench(script(c, "|httpOut('o')"), 'join', { feeds, harness }),
        )
        const out = play(c, benches, (group) => hashOf(group) % shards)
        expect(byGroup(out)).toEqual(byGroup(new Model(c).play()))
      }),
      { numRuns: 150 },
    )
  })

  it('gives back what it held when groups go, under a small budget too', () => {
    fc.assert(
      fc.property(caseArb, fc.integer({ min: 1, max: 40 }), (c, every) => {
        const b = scriptBench(script({ ...c, fill: 'null' }, "|httpOut('o')"), 'join', { feeds })
        let n = 0
        let rows = 0
        for (const e of c.events) {
          if (e.type === 'row') {
            const line = `${measurements[e.parent]},h=${e.group} v=1,s="text" @${e.at}`
            b.feeds[e.parent].rows(b.op, [line], e.parent)
            rows++
          }
          if (++n % every === 0) b.op.evictRows(200)
        }
        b.op.stop()
        // Every row is emitted in some set or was evicted.
        const out = b.out.take()
        const emitted = out.reduce((k, line) => k + (line.match(/p\d\.s="text"/g)?.length ?? 0), 0)
        expect(emitted + (b.ctx.counters.get('evicted_rows') ?? 0)).toBe(rows)
        expect(b.ctx.drops.size).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
