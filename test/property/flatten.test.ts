/**
 * flatten and combine against models by the letter of the specification (nodes 4.13, 4.14): random points of several groups
 * with repeated and late times, barriers and deletes, cut into chunks at random, on streams and on batches.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ScriptBench, scriptBench } from '../unit/operators/join-script.js'

interface Row {
  readonly group: string
  readonly at: number
  readonly host: string | null
  readonly port: string | null
  readonly fields: Readonly<Record<string, string>>
}

type Event =
  | { readonly row: Row }
  | { readonly barrier: string; readonly at: number }
  | { readonly del: string }
  | 'cut'

const rowArb = fc.record({
  group: fc.constantFrom('x', 'y'),
  host: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('A', 'B') },
    { weight: 1, arbitrary: fc.constant<string | null>(null) },
  ),
  port: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('1', '2') },
    { weight: 1, arbitrary: fc.constant<string | null>(null) },
  ),
  fields: fc.constantFrom<Record<string, string>>({ v: '1' }, { v: '2i' }, { v: '0.5', w: 'true' }, { w: '"s"' }),
})

const eventsArb: fc.Arbitrary<Event[]> = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 16, arbitrary: rowArb.map((row) => ({ row })) },
        { weight: 1, arbitrary: fc.constantFrom('x', 'y').map((barrier) => ({ barrier })) },
        { weight: 1, arbitrary: fc.constantFrom('x', 'y').map((del) => ({ del })) },
        { weight: 2, arbitrary: fc.constant('cut' as const) },
      ),
      fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
        { weight: 1, arbitrary: fc.integer({ min: -3, max: -1 }) },
      ),
    ),
    { maxLength: 80 },
  )
  .map((list) => {
    let now = 100
    return list.map(([e, step]): Event => {
      if (step > 0) now += step
      const at = step < 0 ? now + step : now
      if (e === 'cut' || 'del' in e) return e
      return 'row' in e ? { row: { ...e.row, at } } : { ...e, at }
    })
  })

function rounded(at: number, tolerance: number): number {
  if (tolerance === 0) return at
  const rem = (at + 62_135_596_800) % tolerance
  return rem * 2 < tolerance ? at - rem : at - rem + tolerance
}

function lineOf(r: Row): string {
  const tags = `g=${r.group}${r.host === null ? '' : `,host=${r.host}`}${r.port === null ? '' : `,port=${r.port}`}`
  return `m,${tags} ${cells(r.fields)} @${r.at}`
}

function cells(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`)
    .join(',')
}

function play(b: ScriptBench, events: readonly Event[]): string[] {
  const feed = b.feeds[0]
  let lines: string[] = []
  const flush = (): void => {
    if (lines.length > 0) feed.rows(b.op, lines)
    lines = []
  }
  for (const e of events) {
    if (e !== 'cut' && 'row' in e) {
      lines.push(lineOf(e.row))
      continue
    }
    flush()
    if (e === 'cut') continue
    if ('del' in e) feed.deleteGroup(b.op, `m,g=${e.del}`)
    else feed.barrier(b.op, `m,g=${e.barrier}`, e.at)
  }
  flush()
  b.op.stop()
  return b.out.take()
}

/** Collects rows of one rounded time per group and hands them to `emit` when the time changes. */
function collect(
  events: readonly Event[],
  tolerance: number,
  onBarrier: boolean,
  emit: (name: string, group: string, time: number, rows: readonly Row[]) => string[],
): string[] {
  const out: string[] = []
  const groups = new Map<string, { name: string; time: number; rows: Row[] }>()
  for (const e of events) {
    if (e === 'cut') continue
    if ('row' in e) {
      const { row } = e
      const time = rounded(row.at, tolerance)
      const g = groups.get(row.group) ?? { name: 'm', time, rows: [] }
      groups.set(row.group, g)
      if (g.rows.length > 0 && g.time !== time) {
        out.push(...emit(g.name, row.group, g.time, g.rows))
        g.rows = []
      }
      g.time = time
      g.rows.push(row)
    } else if ('del' in e) {
      if (groups.delete(e.del)) out.push(`delete g=${e.del}`)
    } else {
      const g = groups.get(e.barrier)
      if (g === undefined) groups.set(e.barrier, { name: 'barrier', time: 0, rows: [] })
      else if (onBarrier && g.rows.length > 0 && g.time < e.at) {
        out.push(...emit(g.name, e.barrier, g.time, g.rows))
        g.rows = []
      }
      out.push(`barrier g=${e.barrier} @${e.at}`)
    }
  }
  return out
}

/** The fields of a set, and how many of its points lack a tag. */
function flattened(rows: readonly Row[], drop: boolean): { fields: Record<string, string>; errors: number } {
  const fields: Record<string, string> = {}
  let errors = 0
  let prefix = ''
  for (const r of rows) {
    const missing = [r.host, r.port].indexOf(null)
    const values = [r.host, r.port].slice(0, missing < 0 ? 2 : missing)
    prefix += values.map((v, i) => (i === 0 ? v : `.${v}`)).join('')
    if (missing >= 0) {
      // The delimiter in front of the missing one is never written.
      errors++
      continue
    }
    for (const [k, v] of Object.entries(r.fields)) fields[drop ? prefix : `${prefix}.${k}`] = v
    prefix = ''
  }
  return { fields, errors }
}

/** Dropped names collide within a point, where any field may win: such points get one field. */
function oneField(events: readonly Event[]): Event[] {
  return events.map((e) => {
    if (e === 'cut' || !('row' in e)) return e
    return { row: { ...e.row, fields: Object.fromEntries(Object.entries(e.row.fields).slice(0, 1)) } }
  })
}

const feeds = [{ dims: ['g'] }]

describe('flatten', () => {
  it('is the model on streams', () => {
    fc.assert(
      fc.property(eventsArb, fc.constantFrom(0, 2, 5), fc.boolean(), (events, tolerance, drop) => {
        const props = `.on('host', 'port').tolerance(${tolerance}s)${drop ? '.dropOriginalFieldName()' : ''}`
        const b = scriptBench(`stream|from().groupBy('g')|flatten()${props}|httpOut('o')`, 'flatten', { feeds })
        const input = drop ? oneField(events) : events
        let errors = 0
        const expected = collect(input, tolerance, true, (name, group, time, rows) => {
          const set = flattened(rows, drop)
          errors += set.errors
          return Object.keys(set.fields).length === 0 ? [] : [`${name},g=${group} ${cells(set.fields)} @${time}`]
        })
        expect(play(b, input)).toEqual(expected)
        expect(b.ctx.errorCount).toBe(errors)
        b.op.dispose()
        expect(b.ctx.state.bytes).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it('is the model inside of batches', () => {
    fc.assert(
      fc.property(fc.array(eventsArb, { maxLength: 4 }), fc.constantFrom(0, 3), (batches, tolerance) => {
        const script = `stream|from().groupBy('g')|window().period(1s).every(1s)|flatten().on('host', 'port')`
        const b = scriptBench(`${script}.tolerance(${tolerance}s)|httpOut('o')`, 'flatten', { feeds })
        const expected: string[] = []
        batches.forEach((events, i) => {
          const rows = events.flatMap((e) => (e !== 'cut' && 'row' in e ? [{ ...e.row, group: 'x' }] : []))
          b.feeds[0].batch(b.op, 'm,g=x', i, rows.map(lineOf))
          const points: string[] = []
          for (let from = 0; from < rows.length; ) {
            const time = rounded(rows[from].at, tolerance)
            let to = from
            while (to < rows.length && rounded(rows[to].at, tolerance) === time) to++
            const { fields } = flattened(rows.slice(from, to), false)
            if (to === rows.length || Object.keys(fields).length > 0) points.push(`${cells(fields)}@${time}`)
            from = to
          }
          expected.push(`m,g=x {tmax=${i} | ${points.join(', ')}}`)
        })
        expect(b.out.take()).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })
})

/** Choices of k rows in lexicographic order, each given to the expressions without going back. */
function combined(rows: readonly Row[], matches: readonly ((r: Row) => boolean)[]): Row[][] {
  const out: Row[][] = []
  const choose = (from: number, chosen: Row[]): void => {
    if (chosen.length === matches.length) {
      const left = [...chosen]
      const taken: Row[] = []
      for (const m of matches) {
        const i = left.findIndex(m)
        if (i < 0) return
        taken.push(...left.splice(i, 1))
      }
      out.push(taken)
      return
    }
    for (let i = from; i < rows.length; i++) choose(i + 1, [...chosen, rows[i]])
  }
  choose(0, [])
  return out
}

describe('combine', () => {
  const expressions: [string, (r: Row) => boolean][] = [
    ['TRUE', () => true],
    ['"host" == \'A\'', (r) => r.host === 'A'],
    ['isPresent("port") AND "port" != \'1\'', (r) => r.port !== null && r.port !== '1'],
    ['isPresent("w")', (r) => 'w' in r.fields],
  ]

  it('is the model', () => {
    fc.assert(
      fc.property(
        eventsArb,
        fc.constantFrom(0, 3),
        fc.array(fc.nat(expressions.length - 1), { minLength: 1, maxLength: 3 }),
        (events, tolerance, picks) => {
          const lambdas = picks.map((p) => `lambda: ${expressions[p][0]}`).join(', ')
          const as = picks.map((_, i) => `'p${i}'`).join(', ')
          const call = `|combine(${lambdas}).as(${as}).tolerance(${tolerance}s)|httpOut('o')`
          const b = scriptBench(`stream|from().groupBy('g')${call}`, 'combine', { feeds })
          const expected = collect(events, tolerance, false, (name, group, time, rows) =>
            combined(
              rows,
              picks.map((p) => expressions[p][1]),
            ).map((taken) => {
              const fields: Record<string, string> = {}
              const tags: Record<string, string> = { g: group }
              taken.forEach((r, i) => {
                for (const [k, v] of Object.entries(r.fields)) fields[`p${i}.${k}`] = v
                if (r.host !== null) tags[`p${i}.host`] = r.host
                if (r.port !== null) tags[`p${i}.port`] = r.port
              })
              return `${name},${cells(tags)} ${cells(fields)} @${time}`
            }),
          )
          expect(play(b, events)).toEqual(expected)
        },
      ),
      { numRuns: 250 },
    )
  })
})
