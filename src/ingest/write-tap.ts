/**
 * Copies of published points for those who record them. Thread: main. Costs one comparison per write while nobody listens; a
 * point of a recorded measurement is taken apart once more, to give it the time that it was published with.
 */
import { EscapeSet, isBlank, LineTokens, textAt } from '../columns/line-tokens.js'
import { type CheckedLine, checkLine, defaultTime, lineEnd } from './line-grammar.js'

export interface TapListener {
  readonly dbrps: readonly { readonly db: string; readonly rp: string }[]
  /** null: every measurement. */
  readonly measurements: readonly string[] | null
  /** The point without its time is b[start … end), valid during the call only. */
  point(db: string, rp: string, b: Uint8Array, start: number, end: number, timeNs: bigint): void
  /** All points of a body were given. */
  flush(): void
}

const keyOf = (db: string, rp: string): string => `${db}\0${rp}`
const hash = 35
const lineFeed = 10

export class WriteTap {
  private readonly listeners = new Map<string, Set<TapListener>>()
  private readonly tokens = new LineTokens()
  private readonly checked: CheckedLine = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  private readonly now = new Int32Array(2)

  /** Pairs of (db, rp) that someone listens to. */
  get size(): number {
    return this.listeners.size
  }

  wants(db: string, rp: string): boolean {
    return this.listeners.size > 0 && this.listeners.has(keyOf(db, rp))
  }

  add(listener: TapListener): void {
    for (const { db, rp } of listener.dbrps) {
      const found = this.listeners.get(keyOf(db, rp))
      if (found === undefined) this.listeners.set(keyOf(db, rp), new Set([listener]))
      else found.add(listener)
    }
  }

  remove(listener: TapListener): void {
    for (const { db, rp } of listener.dbrps) {
      const found = this.listeners.get(keyOf(db, rp))
      found?.delete(listener)
      if (found?.size === 0) this.listeners.delete(keyOf(db, rp))
    }
  }

  /** A body that was published. `nowNs` is the time of its lines without one. */
  published(db: string, rp: string, precision: string, nowNs: bigint, body: Uint8Array): void {
    const found = this.listeners.get(keyOf(db, rp))
    if (found === undefined) return
    // A listener may leave while it gets points.
    const listeners = [...found]
    defaultTime(nowNs, precision, this.now)
    for (let pos = 0; pos < body.length; ) {
      let start = pos
      let end = lineEnd(body, pos, body.length)
      pos = end + 1
      while (start < end && isBlank(body[start]!)) start++
      if (start >= end || body[start] === hash) continue
      if (body[end - 1] === lineFeed) end--
      this.line(listeners, db, rp, precision, body, start, end)
    }
    for (const l of listeners) l.flush()
  }

  private line(
    listeners: readonly TapListener[],
    db: string,
    rp: string,
    precision: string,
    b: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { tokens, checked } = this
    tokens.readKey(b, start, end)
    const name = textAt(b, start, tokens.nameEnd, EscapeSet.Name)
    const wanted = listeners.filter((l) => l.measurements === null || l.measurements.includes(name))
    if (wanted.length === 0 || checkLine(b, start, end, precision, checked) !== '') return
    const fieldsEnd = tokens.readFields(b, tokens.keyEnd, end)
    const time = int64(checked.hasTime ? checked.time : this.now)
    for (const l of wanted) l.point(db, rp, b, start, fieldsEnd, time)
  }
}

function int64(words: Int32Array): bigint {
  return (BigInt(words[1]!) << 32n) | BigInt(words[0]! >>> 0)
}
