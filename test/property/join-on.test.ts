/**
 * Joins on fewer dimensions, and joins of batches, against models by the letter of the specification (nodes 4.15): random
 * interleavings of two parents with late and repeated times.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scriptBench } from '../unit/operators/join-script.js'

interface Message {
  readonly parent: number
  /** The on-group. */
  readonly b: string
  /** The rest of the group of a specific message; null for a match message. */
  readonly f: string | null
  readonly at: number
  readonly value: number
}

const zero = Number.NEGATIVE_INFINITY

const stepArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: -6, max: -1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 12 }) },
)

function rounded(at: number, tolerance: number): number {
  if (tolerance === 0) return at
  const rem = (at + 62_135_596_800) % tolerance
  return rem * 2 < tolerance ? at - rem : at - rem + tolerance
}

/** `specific` is the parent whose messages have both tags. */
function messagesArb(specific: number): fc.Arbitrary<Message[]> {
  const one = fc.record({
    parent: fc.nat(1),
    b: fc.constantFrom('1', '2'),
    f: fc.constantFrom('x', 'y'),
    step: stepArb,
  })
  return fc.array(one, { maxLength: 80 }).map((list) => {
    const clocks = [100, 100]
    return list.map(({ step, parent, b, f }, value): Message => {
      if (step > 0) clocks[parent] += step
      const at = step < 0 ? clocks[parent] + step : clocks[parent]
      return { parent, b, f: parent === specific ? f : null, at, value }
    })
  })
}

interface Group {
  sets: { time: number; messages: (Message | undefined)[] }[]
  heads: number[]
}

/** The sets of every group; `emit` hears of the settled ones. */
class Sets {
  readonly groups = new Map<string, Group>()

  constructor(
    private readonly tolerance: number,
    private readonly emit: (group: string, time: number, messages: readonly (Message | undefined)[]) => void,
  ) {}

  collect(group: string, m: Message): void {
    let g = this.groups.get(group)
    if (g === undefined) {
      g = { sets: [], heads: [zero, zero] }
      this.groups.set(group, g)
    }
    const time = rounded(m.at, this.tolerance)
    let set = g.sets.find((s) => s.time === time && s.messages[m.parent] === undefined)
    if (set === undefined) {
      set = { time, messages: [undefined, undefined] }
      g.sets.push(set)
    }
    set.messages[m.parent] = m
    g.heads[m.parent] = time
    while (g.sets.length > 0) {
      const oldest = Math.min(...g.sets.map((s) => s.time))
      const strict = g.heads.some((h) => h <= oldest)
      for (const s of g.sets.filter((x) => x.time === oldest)) {
        if (strict && s.messages.includes(undefined)) break
        this.emit(group, s.time, s.messages)
        g.sets.splice(g.sets.indexOf(s), 1)
      }
      if (strict) return
    }
  }

  stop(): void {
    for (const [name, g] of this.groups) {
      g.sets.sort((a, b) => a.time - b.time)
      for (const s of g.sets) this.emit(name, s.time, s.messages)
    }
  }
}

class OnModel {
  readonly out: string[] = []
  private readonly sets: Sets
  private readonly reported = [false, false]
  private readonly lows = new Map<string, number[]>()
  private readonly specifics = new Map<string, Message[]>()
  private readonly matches = new Map<string, Message[]>()

  constructor(
    private readonly tolerance: number,
    fill: boolean,
  ) {
    this.sets = new Sets(tolerance, (group, time, messages) => {
      if (!fill && messages.includes(undefined)) return
      const cells = messages.map((m, p) => `p${p}.v=${m === undefined ? '7i' : `${m.value}i`}`)
      const name = messages[0] === undefined ? 'b' : 'a'
      this.out.push(`${name},${group} ${cells.join(',')} @${time}`)
    })
  }

  play(messages: readonly Message[]): string[] {
    for (const m of messages) this.take(m)
    for (const list of this.specifics.values()) for (const s of list) this.collect(s, s)
    this.sets.stop()
    return this.out
  }

  private time(m: Message): number {
    return rounded(m.at, this.tolerance)
  }

  private collect(m: Message, specific: Message): void {
    this.sets.collect(`b=${specific.b},f=${specific.f}`, m)
  }

  private take(m: Message): void {
    this.reported[m.parent] = true
    const all = !this.reported.includes(false)
    const lows = this.lows.get(m.b) ?? [zero, zero]
    this.lows.set(m.b, lows)
    lows[m.parent] = this.time(m)
    let low = zero
    if (all) for (const t of lows) if (low === zero || t < low) low = t
    const specifics = this.specifics.get(m.b) ?? []
    const matches = this.matches.get(m.b) ?? []
    this.specifics.set(m.b, specifics)
    this.matches.set(m.b, matches)
    if (all)
      while (specifics.length > 0 && this.time(specifics[0]) < low) this.collect(specifics[0], specifics.shift()!)
    if (m.f === null) {
      matches.push(m)
      while (specifics.length > 0 && this.time(specifics[0]) === this.time(m)) {
        const s = specifics.shift()!
        this.collect(s, s)
        this.collect(m, s)
      }
      return
    }
    let matched = false
    let i = 0
    for (; i < matches.length; i++) {
      if (this.time(matches[i]) === this.time(m)) {
        this.collect(m, m)
        this.collect(matches[i], m)
        matched = true
      }
      if (!(this.time(matches[i]) < low)) break
    }
    if (all) matches.splice(0, i)
    if (matched) return
    if (all && this.time(m) < low) this.collect(m, m)
    else specifics.push(m)
  }
}

/** The sequence of each group. */
function byGroup(lines: readonly string[]): Map<string, string[]> {
  const out = new Map<string, string[]>()
  for (const line of [...lines]) {
    const group = line.slice(line.indexOf(',') + 1, line.indexOf(' '))
    out.set(group, [...(out.get(group) ?? []), line])
  }
  return out
}

const dimsOf = (p: number, specific: number): string[] => (p === specific ? ['b', 'f'] : ['b'])

function onScript(specific: number, windows: string, props: string): string {
  const vars = ['a', 'b'].map((m, p) => {
    const dims = dimsOf(p, specific).map((d) => `'${d}'`)
    return `var ${m} = stream|from().measurement('${m}').groupBy(${dims.join(', ')})${windows}`
  })
  return `${vars.join('\n')}\na|join(b).as('p0', 'p1').on('b')${props}|httpOut('o')`
}

describe('join on fewer dimensions', () => {
  const caseArb = fc.nat(1).chain((specific) =>
    fc.record({
      specific: fc.constant(specific),
      messages: messagesArb(specific),
      tolerance: fc.constantFrom(0, 0, 3),
      fill: fc.boolean(),
    }),
  )

  it.each([
    ['streams', ''],
    ['batches', '|window().period(1s).every(1s)'],
  ])('of %s is the model', (_, windows) => {
    fc.assert(
      fc.property(caseArb, ({ specific, messages, tolerance, fill }) => {
        const props = `${fill ? '.fill(7)' : ''}${tolerance === 0 ? '' : `.tolerance(${tolerance}s)`}`
        const feeds = [0, 1].map((p) => ({ dims: dimsOf(p, specific) }))
        const b = scriptBench(onScript(specific, windows, props), 'join', { feeds })
        for (const { parent, b: on, f, at, value } of messages) {
          const head = `${parent === 0 ? 'a' : 'b'},b=${on}${f === null ? '' : `,f=${f}`}`
          const line = `${head} v=${value}i,s="x" @${at}`
          if (windows === '') b.feeds[parent].rows(b.op, [line], parent)
          else b.feeds[parent].batch(b.op, head, at, [line], parent)
        }
        b.op.stop()
        // A batch of one row each, whose rows all have the rounded time of their batch.
        const seen = b.out.take().flatMap((line) => {
          const text = line.replace(/p(\d)\.s=("x"|7i),?/g, '').replace(/,(?=@| @)/, '')
          const batch = text.match(/^(\S+) \{tmax=(-?\d+) \| (.*)@-?\d+\}$/)
          if (windows === '') return [text]
          return batch === null ? [] : [`${batch[1]} ${batch[3]} @${batch[2]}`]
        })
        expect(byGroup(seen)).toEqual(byGroup(new OnModel(tolerance, fill).play(messages)))
        b.op.dispose()
        expect(b.ctx.state.bytes).toBe(0)
        expect(b.harness.memory.idle).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

interface Batch {
  readonly parent: number
  readonly at: number
  readonly rows: readonly { readonly at: number; readonly fields: Readonly<Record<string, string>> }[]
}

const batchesArb = fc
  .array(
    fc.record({
      parent: fc.nat(1),
      step: stepArb,
      rows: fc.array(
        fc.record({
          by: fc.integer({ min: 0, max: 2 }),
          fields: fc.constantFrom<Record<string, string>>({ v: '1i' }, { v: '2i', w: '"s"' }, { w: 'true' }),
        }),
        { maxLength: 6 },
      ),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    const clocks = [100, 100]
    return list.map(({ parent, step, rows }): Batch => {
      if (step > 0) clocks[parent] += step
      const at = step < 0 ? clocks[parent] + step : clocks[parent]
      let t = at - 10
      return { parent, at, rows: rows.map(({ by, fields }) => ({ at: (t += by), fields })) }
    })
  })

function cells(fields: Record<string, string>): string {
  const text = Object.entries(fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`)
  return text.join(',')
}

/** The points of a set of batches, merged by rounded time. */
function merged(batches: readonly (Batch | undefined)[], tolerance: number, fill: boolean): string[] {
  const left = batches.map((b) => (b === undefined ? [] : [...b.rows]))
  const names = Object.keys(left.find((rows) => rows.length > 0)?.[0].fields ?? {})
  const out: string[] = []
  while (left.some((rows) => rows.length > 0)) {
    const time = Math.min(...left.filter((r) => r.length > 0).map((r) => rounded(r[0].at, tolerance)))
    const taken = left.map((r) => (r.length > 0 && rounded(r[0].at, tolerance) === time ? r.shift() : undefined))
    if (!fill && taken.includes(undefined)) continue
    const fields: Record<string, string> = {}
    taken.forEach((row, p) => {
      if (row !== undefined) for (const [k, v] of Object.entries(row.fields)) fields[`p${p}.${k}`] = v
      else for (const k of names) fields[`p${p}.${k}`] = 'null'
    })
    out.push(`${cells(fields)}@${time}`)
  }
  return out
}

describe('join of batches', () => {
  it.each([
    ['whole points', "|httpOut('o')", false],
    ['the fields read below', '|eval(lambda: "p0.v" + "p1.v").as(\'x\')', true],
  ])('is the model: %s', (_, tail, projected) => {
    fc.assert(
      fc.property(batchesArb, fc.constantFrom(0, 2), fc.boolean(), (batches, tolerance, fill) => {
        const windows = '|window().period(1s).every(1s)'
        const vars = ['a', 'b'].map((m) => `var ${m} = stream|from().measurement('${m}')${windows}`).join('\n')
        const props = `${fill ? ".fill('null')" : ''}.tolerance(${tolerance}s)`
        const b = scriptBench(`${vars}\na|join(b).as('p0', 'p1')${props}${tail}`, 'join')
        const expected: string[] = []
        const kept = ([k]: [string, string]): boolean => !projected || k.endsWith('.v')
        const sets = new Sets(tolerance, (_group, time, messages) => {
          const set = messages.map((m) => (m === undefined ? undefined : batches[m.value]))
          const points = merged(set, tolerance, fill).map((point) => {
            const [text, at] = point.split('@')
            const fields = text.split(',').map((c): [string, string] => [c.slice(0, c.indexOf('=')), c])
            return `${fields
              .filter(kept)
              .map(([, c]) => c)
              .join(',')}@${at}`
          })
          expected.push(`${messages[0] === undefined ? 'b' : 'a'} {tmax=${time} | ${points.join(', ')}}`)
        })
        batches.forEach(({ parent, at, rows }, value) => {
          const lines = rows.map((r) => `m ${cells(r.fields)} @${r.at}`)
          b.feeds[parent].batch(b.op, parent === 0 ? 'a' : 'b', at, lines, parent)
          sets.collect('', { parent, b: '', f: null, at, value })
        })
        b.op.stop()
        sets.stop()
        expect(b.out.take()).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
})
