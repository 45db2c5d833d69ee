/**
 * Unions against a model by the letter of the specification (nodes 4.16): random interleavings of two or three parents with
 * late and repeated times and barriers, cut into chunks at random; with and without names read below, batches too.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scriptBench } from '../unit/operators/join-script.js'

interface Message {
  readonly parent: number
  readonly group: string
  readonly at: number
  readonly barrier: boolean
  /** The chunk ends before it. */
  readonly cut: boolean
  readonly rows: number
}

const measurements = ['b', 'd', 'a']

function messagesArb(parents: number): fc.Arbitrary<Message[]> {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 2 }) },
    { weight: 1, arbitrary: fc.integer({ min: -5, max: -1 }) },
    { weight: 1, arbitrary: fc.integer({ min: 3, max: 15 }) },
  )
  const one = fc.record({
    parent: fc.integer({ min: 0, max: parents - 1 }),
    group: fc.constantFrom('x', 'y', 'z'),
    step,
    barrier: fc.integer({ min: 0, max: 12 }).map((n) => n === 0),
    cut: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    rows: fc.integer({ min: 0, max: 3 }),
  })
  return fc.array(one, { maxLength: 150 }).map((list) => {
    const clocks = new Array<number>(parents).fill(100)
    return list.map(({ step: by, ...m }): Message => {
      if (by > 0) clocks[m.parent] += by
      return { ...m, at: by < 0 ? clocks[m.parent] + by : clocks[m.parent] }
    })
  })
}

/** The order in which messages leave, and which of them only leave when the task stops. */
function model(parents: number, messages: readonly Message[]): Message[] {
  const queues: Message[][] = Array.from({ length: parents }, () => [])
  const low = new Array<number>(parents).fill(Number.NaN)
  const out: Message[] = []
  const emit = (drain: boolean): void => {
    for (let emitted = true; emitted; ) {
      emitted = false
      queues.forEach((q, p) => {
        if (q.length > 0) low[p] = q[0].at
      })
      if (!drain && low.some(Number.isNaN)) return
      const marks = drain ? queues.filter((q) => q.length > 0).map((q) => q[0].at) : low
      const mark = Math.min(...marks)
      for (const q of queues) {
        while (q.length > 0 && q[0].at <= mark) {
          out.push(q.shift()!)
          emitted = true
        }
      }
    }
  }
  for (const m of messages) {
    queues[m.parent].push(m)
    emit(false)
  }
  emit(true)
  return out
}

function script(parents: number, windows: string, tail: string): string {
  const names = measurements.slice(3 - parents)
  const vars = names.map((m) => `var ${m} = stream|from().measurement('${m}').groupBy('h')${windows}`)
  return `${vars.join('\n')}\na|union(${names.slice(0, -1).join(', ')}).rename('u')${tail}`
}

const caseArb = fc
  .integer({ min: 2, max: 3 })
  .chain((parents) => fc.record({ parents: fc.constant(parents), messages: messagesArb(parents) }))

describe('union', () => {
  it.each([
    ['whole points', "|httpOut('o')", true],
    ['the fields read below', '|eval(lambda: "v").as(\'x\')', false],
  ])('is the model: %s', (_, tail, whole) => {
    fc.assert(
      fc.property(caseArb, ({ parents, messages }) => {
        const b = scriptBench(script(parents, '', tail), 'union', { feeds: [{ dims: ['h'] }] })
        const text = (m: Message, i: number): string =>
          m.barrier ? `barrier h=${m.group} @${m.at}` : `u,h=${m.group},k=${i} s="t${i}",v=${i}i @${m.at}`
        const numbers = new Map(messages.map((m, i) => [m, i]))
        let lines: string[] = []
        let parent = -1
        const flush = (): void => {
          if (lines.length > 0) b.feeds[parent].rows(b.op, lines, parent)
          lines = []
        }
        messages.forEach((m, i) => {
          if (m.cut || m.barrier || m.parent !== parent) flush()
          parent = m.parent
          if (m.barrier) b.feeds[parent].barrier(b.op, `m,h=${m.group}`, m.at, parent)
          else lines.push(`${measurements[0]},h=${m.group},k=${i} v=${i}i,s="t${i}" @${m.at}`)
        })
        flush()
        b.op.stop()
        // What goes straight on keeps all of its cells: only those that are wanted are compared.
        const seen = b.out.take().map((line) => (whole ? line : line.replace(/^u\S*/, 'u').replace(/s="\w+",/, '')))
        const expected = model(parents, messages).map((m) => text(m, numbers.get(m)!))
        expect(seen).toEqual(
          whole ? expected : expected.map((line) => line.replace(/^u\S*/, 'u').replace(/s="\w+",/, '')),
        )
        b.op.dispose()
        expect(b.ctx.state.bytes).toBe(0)
        expect(b.harness.memory.idle).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  it('of batches is the model', () => {
    fc.assert(
      fc.property(caseArb, ({ parents, messages }) => {
        const windows = '|window().period(1s).every(1s)'
        const b = scriptBench(script(parents, windows, "|httpOut('o')"), 'union', { feeds: [{ dims: ['h'] }] })
        const rows = (m: Message): string[] => Array.from({ length: m.rows }, (_, k) => `v=${k}i@${m.at - k}`)
        const batches: { head: string; tmax: number; lines: string[] }[] = []
        let parent = -1
        const flush = (): void => {
          if (batches.length > 0) b.op.receive(b.feeds[parent].batchChunk(batches.splice(0)), parent)
        }
        for (const m of messages) {
          if (m.cut || m.parent !== parent) flush()
          parent = m.parent
          batches.push({
            head: `m,h=${m.group}`,
            tmax: m.at,
            lines: rows(m).map((r) => `m,h=${m.group} ${r.replace('@', ' @')}`),
          })
        }
        flush()
        b.op.stop()
        const expected = model(parents, messages).map((m) => `u,h=${m.group} {tmax=${m.at} | ${rows(m).join(', ')}}`)
        expect(b.out.take()).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })
})
