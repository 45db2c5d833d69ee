/** Windows and joins that close by main's clock, without a next point. */
import { describe, expect, it } from 'vitest'
import { ScriptTask } from '../script-task.js'

const reads = ['h', 'v', 'k']
/** Points are a second late. */
const at = (second: number): number => (second + 1) * 1000

function task(script: string, options: { closeAfterMs?: number } = {}) {
  const t = new ScriptTask(`${script}|httpOut('o')`, { reads, startMs: at(0), ...options })
  const last = t.nodes[t.nodes.length - 2]
  t.output(last)
  return {
    t,
    /** Writes lines at the clock of their time. */
    live(...lines: string[]): string[] {
      for (const line of lines) {
        t.advance(at(Number(line.slice(line.lastIndexOf('@') + 1))))
        t.write(line)
      }
      return t.output(last)
    },
    until(second: number): string[] {
      t.advance(at(second))
      return t.output(last)
    },
    out: () => t.output(last),
  }
}

const from = "stream|from().measurement('m').groupBy('h')"
const tumbling = `${from}|window().period(10s).every(10s).align()`

describe('windows', () => {
  // A window over rows and one over panes.
  const shapes: [string, (tail: string) => string, (text: string) => string][] = [
    ['over rows', (tail) => `${tumbling}${tail}`, (rows) => rows],
    ['over panes', (tail) => `${tumbling}${tail}|count('v')`, (rows) => rows],
  ]
  for (const [name, script] of shapes) {
    it(`${name} wait for a point when nothing else is said`, () => {
      const w = task(script(''))
      expect(w.live('m,h=a v=1 @11', 'm,h=a v=2 @19')).toEqual([])
      expect(w.until(1000)).toEqual([])
    })

    it(`${name} close so long after their due time, once`, () => {
      const w = task(script('.closeAfter(3s)'))
      expect(w.live('m,h=a v=1 @11', 'm,h=b v=5 @12', 'm,h=a v=2 @19')).toEqual([])
      expect(w.until(22.9)).toEqual([])
      expect(w.until(23)).toHaveLength(2)
      expect(w.until(1000)).toEqual([])
    })

    it(`${name} take the default of the engine, which a node can set aside`, () => {
      const w = task(script(''), { closeAfterMs: 3000 })
      w.live('m,h=a v=1 @11')
      expect(w.until(30)).toHaveLength(1)
      const off = task(script('.closeAfter(0s)'), { closeAfterMs: 3000 })
      off.live('m,h=a v=1 @11')
      expect(off.until(1000)).toEqual([])
    })
  }

  it('emit what they would have emitted on a point', () => {
    const w = task(`${tumbling}.closeAfter(3s)`)
    w.live('m,h=a v=1 @11', 'm,h=a v=2 @19')
    expect(w.until(23)).toEqual(['m,h=a {tmax=20 | v=1@11, v=2@19}'])
    // Late by now: it belongs to the next window, as late points do.
    expect(w.live('m,h=a v=3 @18', 'm,h=a v=4 @28', 'm,h=a v=5 @30')).toEqual(['m,h=a {tmax=30 | v=4@28}'])
    expect(w.until(50)).toEqual(['m,h=a {tmax=40 | v=5@30}'])
  })

  it('that slide are emitted until they are empty', () => {
    for (const tail of ['', "|count('v')"]) {
      const w = task(`${from}|window().period(15s).every(5s).align().closeAfter(1s)${tail}`)
      w.live('m,h=a v=1 @11', 'm,h=a v=2 @14')
      const counts = w
        .until(100)
        .map((line) => (tail === '' ? line.split('@').length - 1 : Number(/count=(\d)/.exec(line)![1])))
      // Due at 15, 20 and 25: at 30 only the row of 14 is left of [15, 30): none.
      expect(counts).toEqual([2, 2, 2])
      expect(w.t.errors).toEqual([])
    }
  })

  it('go by the times of points: what is read in from long ago closes nothing early', () => {
    const w = task(`${tumbling}.closeAfter(2s)`)
    w.t.advance(1_000_000_000)
    w.t.write('m,h=a v=1 @11', 'm,h=a v=2 @14')
    w.t.advance(1_000_005_000)
    expect(w.out()).toEqual([])
    w.t.write('m,h=a v=3 @19', 'm,h=a v=4 @21')
    expect(w.out()).toEqual(['m,h=a {tmax=20 | v=1@11, v=2@14, v=3@19}'])
    // 21 came at :05, so 30 is at :14.
    w.t.advance(1_000_015_900)
    expect(w.out()).toEqual([])
    w.t.advance(1_000_016_000)
    expect(w.out()).toEqual(['m,h=a {tmax=30 | v=4@21}'])
  })

  it('close by a barrier before their time', () => {
    const w = task(`${from}|barrier().idle(1s)|window().period(10s).every(10s).align().closeAfter(3s)`)
    w.live('m,h=a v=1 @11', 'm,h=a v=2 @19.5')
    expect(w.until(20.6)).toEqual(['m,h=a {tmax=20 | v=1@11, v=2@19500000000n}'])
    expect(w.until(100).filter((line) => line.includes('v='))).toEqual([])
  })

  it('have a counter, and forget groups that go', () => {
    const w = task(`${from}|barrier().idle(60s).delete(TRUE)|window().period(10s).every(10s).align().closeAfter(3s)`)
    const { operators } = w.t.task
    w.live('m,h=a v=1 @11', 'm,h=b v=1 @12')
    expect(w.until(50)).toHaveLength(2)
    w.until(200)
    expect(w.live('m,h=a v=7 @211')).toEqual([])
    expect(w.until(230)).toEqual(['m,h=a {tmax=220 | v=7@211}'])
    expect(operators.length).toBeGreaterThan(3)
  })

  it.each([
    ['window().periodCount(3).everyCount(3).closeAfter(1s)', 'closeAfter is for windows by time'],
    ['window().period(3s).closeAfter(1s)', 'closeAfter is for windows by time'],
    ['window().period(3s).every(3s).closeAfter(-1s)', 'closeAfter must not be negative'],
  ])('%s is refused', (call, text) => {
    expect(() => task(`stream|from()|${call}`)).toThrow(text)
  })
})

describe('joins', () => {
  const two = (tail: string): string =>
    `var a = stream|from().measurement('a').groupBy('h') var b = stream|from().measurement('b').groupBy('h')
    a|join(b).as('a', 'b')${tail}`

  it('wait for a partner when nothing else is said', () => {
    const j = task(two('.fill(0.0)'))
    j.live('a,h=x v=1 @10')
    expect(j.until(1000)).toEqual([])
  })

  it('fill or leave out what has waited so long', () => {
    const filled = task(two('.fill(0.0).closeAfter(5s)'))
    expect(filled.live('a,h=x v=1 @10', 'a,h=y v=2 @11', 'b,h=y v=3 @11')).toEqual(['a,h=y a.v=2,b.v=3 @11'])
    expect(filled.until(14.9)).toEqual([])
    expect(filled.until(15)).toEqual(['a,h=x a.v=1,b.v=0 @10'])
    expect(filled.live('b,h=x v=4 @16', 'a,h=x v=5 @16')).toEqual(['a,h=x a.v=5,b.v=4 @16'])
    const inner = task(two('.closeAfter(5s)'))
    inner.live('a,h=x v=1 @10')
    expect(inner.until(1000)).toEqual([])
    // It waits no more: nothing is in front of the next ones.
    expect(inner.live('a,h=x v=2 @1001', 'b,h=x v=3 @1001')).toEqual(['a,h=x a.v=2,b.v=3 @1001'])
  })

  it('keep the order of times: a complete set waits for an older one until that is closed', () => {
    const j = task(two('.fill(0.0).closeAfter(5s)'))
    expect(j.live('a,h=x v=1 @10', 'a,h=x v=2 @12', 'b,h=x v=3 @12')).toEqual([
      'a,h=x a.v=1,b.v=0 @10',
      'a,h=x a.v=2,b.v=3 @12',
    ])
    const k = task(two('.tolerance(1s).fill(0.0).closeAfter(5s)'))
    // b has not been heard of: a's points wait, b's first one passes them.
    expect(k.live('a,h=x v=1 @10', 'a,h=x v=2 @13')).toEqual([])
    expect(k.until(15.5)).toEqual(['a,h=x a.v=1,b.v=0 @10'])
    expect(k.until(18)).toEqual(['a,h=x a.v=2,b.v=0 @13'])
  })

  it('of batches', () => {
    const window = '|window().period(10s).every(10s).align()'
    const j = task(
      `var a = stream|from().measurement('a').groupBy('h')${window} var b = stream|from().measurement('b').groupBy('h')${window}
      a|join(b).as('a', 'b').fill(0.0).closeAfter(5s)`,
    )
    j.live('a,h=x v=1 @11', 'b,h=x v=2 @11', 'a,h=x v=3 @21')
    expect(j.until(25.9)).toEqual([])
    expect(j.until(26)).toEqual(['a,h=x {tmax=20 | a.v=1,b.v=0@11}'])
  })

  it('on fewer tags: a specific point that has waited is joined alone', () => {
    const j = task(
      `var a = stream|from().measurement('a').groupBy('h', 'k') var b = stream|from().measurement('b').groupBy('h')
      a|join(b).as('a', 'b').on('h').fill(0.0).closeAfter(5s)`,
    )
    expect(j.live('b,h=x v=1 @10', 'a,h=x,k=1 v=2 @10')).toEqual(['a,h=x,k=1 a.v=2,b.v=1 @10'])
    j.live('a,h=x,k=1 v=3 @20', 'a,h=x,k=2 v=4 @21')
    expect(j.until(24.9)).toEqual([])
    expect(j.until(25.1)).toEqual(['a,h=x,k=1 a.v=3,b.v=0 @20'])
    expect(j.until(26.1)).toEqual(['a,h=x,k=2 a.v=4,b.v=0 @21'])
  })

  it('on fewer tags: matches without a specific point go', () => {
    const j = task(
      `var a = stream|from().measurement('a').groupBy('h', 'k') var b = stream|from().measurement('b').groupBy('h')
      a|join(b).as('a', 'b').on('h').closeAfter(5s)`,
    )
    const before = j.t.usedBytes
    for (let s = 10; s < 2000; s++) j.live(`b,h=x v=1 @${s}`)
    expect(j.t.usedBytes - before).toBeLessThan(400_000)
    expect(j.live('b,h=x v=1 @2000', 'a,h=x,k=1 v=2 @2000')).toEqual(['a,h=x,k=1 a.v=2,b.v=1 @2000'])
  })
})
