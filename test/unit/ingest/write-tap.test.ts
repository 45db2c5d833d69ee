import { describe, expect, it } from 'vitest'
import { type TapListener, type TapTarget, WriteTap } from '../../../src/ingest/write-tap.js'

class Listener implements TapListener {
  readonly points: string[] = []
  flushes = 0

  constructor(
    readonly dbrps: TapListener['dbrps'],
    readonly measurements: TapListener['measurements'],
  ) {}

  point({ db, rp }: TapTarget, b: Uint8Array, start: number, end: number, timeNs: bigint): void {
    this.points.push(`${db}.${rp} ${Buffer.from(b).toString('utf8', start, end)} @${timeNs}`)
  }

  flush(): void {
    this.flushes++
  }
}

const body = (text: string): Uint8Array => Buffer.from(text)

describe('write tap', () => {
  it('gives each listener the points of its databases and measurements', () => {
    const tap = new WriteTap((err) => {
      throw err
    })
    const all = new Listener(
      [
        { db: 'a', rp: '' },
        { db: 'b', rp: 'r' },
      ],
      null,
    )
    const some = new Listener([{ db: 'a', rp: '' }], ['m', 'with space'])
    tap.add(all)
    tap.add(some)
    expect(tap.wants('a', '')).toBe(true)
    expect(tap.wants('a', 'r')).toBe(false)
    tap.published('a', '', 's', 7_900_000_000n, body('m v=1\nn v=2 3\n\n#x\nwith\\ space v=3 -1'))
    tap.published('b', 'r', 'n', 0n, body('m v=4 5'))
    tap.published('c', '', 'n', 0n, body('m v=5 6'))
    expect(all.points).toEqual([
      'a. m v=1 @7000000000',
      'a. n v=2 @3000000000',
      'a. with\\ space v=3 @-1000000000',
      'b.r m v=4 @5',
    ])
    expect(some.points).toEqual(['a. m v=1 @7000000000', 'a. with\\ space v=3 @-1000000000'])
    expect([all.flushes, some.flushes]).toEqual([2, 1])
    tap.remove(some)
    expect(tap.size).toBe(2)
    tap.remove(all)
    expect(tap.size).toBe(0)
    tap.published('a', '', 'n', 0n, body('m v=1 1'))
    expect(all.points).toHaveLength(4)
  })

  it('a listener may leave while it gets points', () => {
    const tap = new WriteTap((err) => {
      throw err
    })
    class Leaving extends Listener {
      override point(...args: Parameters<TapListener['point']>): void {
        super.point(...args)
        tap.remove(this)
      }
    }
    const leaving = new Leaving([{ db: 'a', rp: '' }], null)
    const staying = new Listener([{ db: 'a', rp: '' }], null)
    tap.add(leaving)
    tap.add(staying)
    tap.published('a', '', 'n', 0n, body('m v=1 1'))
    tap.published('a', '', 'n', 0n, body('m v=2 2'))
    expect(leaving.points).toHaveLength(1)
    expect(staying.points).toHaveLength(2)
  })

  it('a listener that fails does not fail the write', () => {
    const failures: unknown[] = []
    const tap = new WriteTap((err) => failures.push(err))
    const failure = new Error('disk full')
    class Failing extends Listener {
      override point(): void {
        throw failure
      }
    }
    tap.add(new Failing([{ db: 'a', rp: '' }], null))
    tap.published('a', '', 'n', 0n, body('m v=1 1'))
    expect(failures).toEqual([failure])
  })

  it('keeps lines together that hold line feeds', () => {
    const tap = new WriteTap((err) => {
      throw err
    })
    const all = new Listener([{ db: 'a', rp: '' }], null)
    tap.add(all)
    tap.published('a', '', 'n', 0n, body('m s="x\ny" 1\nm\\\nn v=1 2'))
    expect(all.points).toEqual(['a. m s="x\ny" @1', 'a. m\\\nn v=1 @2'])
  })
})
