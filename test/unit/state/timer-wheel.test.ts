import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import { type TimerSet, TimerWheel } from '../../../src/state/timer-wheel.js'

function setup(startMs = 0): { wheel: TimerWheel; state: StateAllocator; memory: ShardMemory } {
  const memory = new ShardMemory(64 * 1024 * 1024)
  const wheel = new TimerWheel()
  wheel.advance(startMs)
  return { wheel, state: new StateAllocator(memory), memory }
}

describe('timer wheel', () => {
  it('fires each timer once, at its due time, in order, as the model says', () => {
    const step = fc.oneof(
      fc.record({ set: fc.nat(20), inMs: fc.integer({ min: 0, max: 400_000 }) }),
      fc.record({ clear: fc.nat(20) }),
      fc.record({ advance: fc.oneof(fc.nat(200), fc.nat(20_000), fc.nat(300_000), fc.constant(20_000_000)) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(0, 1_700_000_000_000), (steps, start) => {
        const { wheel, state } = setup(start)
        const fired: [number, number][] = []
        const set = wheel.add(state, (group, now) => fired.push([group, now]))
        const model = new Map<number, number>()
        let now = start
        for (const s of steps) {
          if ('set' in s) {
            expect(set.set(s.set, now + s.inMs)).toBe(true)
            model.set(s.set, now + s.inMs)
          } else if ('clear' in s) {
            set.clear(s.clear)
            model.delete(s.clear)
          } else {
            now += s.advance
            wheel.advance(now)
            if (s.advance === 0) continue
            const due = [...model].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1] || a[0] - b[0])
            for (const [g] of due) model.delete(g)
            expect(fired.map((f) => f[0])).toEqual(due.map((d) => d[0]))
            fired.length = 0
          }
          expect(set.size).toBe(model.size)
          for (const [g, at] of model) expect(set.dueOf(g)).toBe(at)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('shows a periodic timer every period of a long step', () => {
    const { wheel, state } = setup(1000)
    const at: number[] = []
    const set: TimerSet = wheel.add(state, (g, now) => {
      at.push(now)
      set.set(g, now + 10_000)
    })
    set.set(0, 11_000)
    wheel.advance(61_000)
    expect(at).toEqual([11_000, 21_000, 31_000, 41_000, 51_000, 61_000])
  })

  it('fires timers shorter than a tick as often as they fall due', () => {
    const { wheel, state } = setup(0)
    let n = 0
    const set: TimerSet = wheel.add(state, (g, now) => {
      n++
      set.set(g, now + 10)
    })
    set.set(0, 10)
    wheel.advance(1000)
    expect(n).toBe(100)
  })

  it('interleaves the sets tick by tick', () => {
    const { wheel, state } = setup(0)
    const log: string[] = []
    const a: TimerSet = wheel.add(state, (g, now) => {
      log.push(`a${now}`)
      a.set(g, now + 1000)
    })
    const b: TimerSet = wheel.add(state, (g, now) => {
      log.push(`b${now}`)
      b.set(g, now + 1500)
    })
    a.set(0, 1000)
    b.set(0, 1500)
    wheel.advance(3000)
    expect(log).toEqual(['a1000', 'b1500', 'a2000', 'a3000', 'b3000'])
  })

  it('survives callbacks that clear and move other timers, and dispose of the set', () => {
    const { wheel, state, memory } = setup(0)
    const fired: number[] = []
    const set: TimerSet = wheel.add(state, (g) => {
      fired.push(g)
      if (g === 1) set.clear(2)
      if (g === 3) set.set(4, 9000)
      if (g === 5) set.dispose()
    })
    for (let g = 1; g <= 6; g++) set.set(g, 100)
    wheel.advance(200)
    expect(fired).toEqual([1, 3, 5])
    wheel.advance(10_000)
    expect(fired).toEqual([1, 3, 5])
    expect(memory.used).toBe(0)
  })

  it('fires a timer that is due already in the next tick when its set has had its turn', () => {
    const { wheel, state } = setup(1000)
    const fired: string[] = []
    const first = wheel.add(state, (group, now) => fired.push(`first ${group} @${now}`))
    const second = wheel.add(state, (group, now) => {
      fired.push(`second ${group} @${now}`)
      first.set(group, now - 10)
    })
    second.set(1, 1200)
    second.set(2, 1400)
    wheel.advance(1410)
    expect(fired).toEqual(['second 1 @1200', 'first 1 @1200', 'second 2 @1400'])
    wheel.advance(1420)
    wheel.advance(1450)
    expect(fired.slice(3)).toEqual(['first 2 @1420'])
  })

  it('fires a timer set in the past at the next advance', () => {
    const { wheel, state } = setup(500_000)
    const fired: number[] = []
    const set = wheel.add(state, (g) => fired.push(g))
    set.set(7, 1000)
    wheel.advance(500_001)
    expect(fired).toEqual([7])
  })

  it('moves a timer later without losing it, over a step longer than a turn', () => {
    const { wheel, state } = setup(0)
    const fired: [number, number][] = []
    const set = wheel.add(state, (g, now) => fired.push([g, now]))
    set.set(0, 1000)
    set.set(0, 15_000_000)
    wheel.advance(14_999_999)
    expect(fired).toEqual([])
    wheel.advance(15_000_050)
    expect(fired).toEqual([[0, 15_000_000]])
  })

  it('does not go back', () => {
    const { wheel, state } = setup(10_000)
    const fired: number[] = []
    wheel.add(state, (g) => fired.push(g)).set(0, 10_050)
    wheel.advance(5000)
    expect([wheel.nowMs, fired.length]).toEqual([10_000, 0])
  })
})
