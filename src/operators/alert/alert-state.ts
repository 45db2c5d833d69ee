/**
 * State of an alert node's groups (spec alerts 4) in paged columns. Thread: shard worker.
 *
 *   status  u8         bits 0-1 newest level, 2-3 the level before it, 4 flapping, 5 the ring holds a level other than OK,
 *                      6 the group is known, 7 its inhibitors are on
 *   times   f64 × 2    firstTriggered, lastTriggered: ms since year 1 (a fresh page is "zero time")
 *   subs    i32 × 2    their sub-millisecond parts
 *   ring    u8 × H + 2 the newest H levels, then the index of the newest (u16): only with flapping
 *
 * A group that never left OK has touched its status byte only. Without flapping the ring is not needed: only the newest level
 * and the one before it are ever looked at.
 */
import { zeroTimeMs } from '../../columns/time.js'
import type { Pages, StateAllocator } from '../../state/pages.js'

export const knownBit = 64
export const inhibitingBit = 128
const flappingBit = 16
const dirtyBit = 32

const maxDuration = 0x7fffffffffffffffn
const minDuration = -0x8000000000000000n

export interface FlappingOptions {
  readonly low: number
  readonly high: number
  /** Ring size, at least 2. */
  readonly history: number
}

export class AlertState {
  readonly status: Pages<Uint8Array>
  private readonly times: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly ring: Pages<Uint8Array> | null
  private readonly history: number
  private readonly flapLow: number
  private readonly flapHigh: number
  private readonly weightStep: number
  /** A status equal to this and a level of OK need no work at all. */
  readonly idleStatus: number

  constructor(state: StateAllocator, flapping: FlappingOptions | null) {
    this.status = state.u8()
    this.times = state.f64(2)
    this.subs = state.i32(2)
    this.history = flapping?.history ?? 2
    this.ring = flapping === null ? null : state.u8(this.history + 2)
    this.flapLow = flapping?.low ?? 0
    this.flapHigh = flapping?.high ?? 0
    this.weightStep = (1.2 - 0.8) / (this.history - 1)
    // With a negative threshold even a steady OK is flapping: then every event must be looked at.
    this.idleStatus = flapping !== null && flapping.high < 0 ? -1 : knownBit
  }

  statusOf(g: number): number {
    return this.status.has(g) ? this.status.get(g) : 0
  }

  /** Makes room for a new group. False: the budget refused. */
  add(g: number): boolean {
    if (!this.status.ensure(g)) return false
    this.status.set(g, knownBit)
    return true
  }

  /** Makes room for everything a group that leaves OK needs. */
  ensure(g: number): boolean {
    return this.times.ensure(g) && this.subs.ensure(g) && (this.ring === null || this.ring.ensure(g))
  }

  clear(g: number): void {
    this.status.set(g, 0)
    if (this.times.has(g)) this.times.clear(g)
    if (this.subs.has(g)) this.subs.clear(g)
    if (this.ring?.has(g)) this.ring.clear(g)
  }

  isFlapping(g: number): boolean {
    return (this.status.get(g) & flappingBit) !== 0
  }

  setInhibiting(g: number, on: boolean): void {
    const s = this.status.get(g)
    this.status.set(g, on ? s | inhibitingBit : s & ~inhibitingBit)
  }

  /** Adds a level to the history and updates flapping. The columns must be there. */
  addEvent(g: number, level: number): void {
    const s = this.status.get(g)
    let next = (s & ~0b1111) | level | ((s & 3) << 2)
    if (this.ring !== null) next = this.addToRing(g, level, next)
    this.status.set(g, next)
  }

  private addToRing(g: number, level: number, status: number): number {
    const ring = this.ring!
    const page = ring.pages[g >> ring.shift]
    const o = (g & ring.mask) * ring.stride
    const size = this.history
    const index = ((page[o + size] | (page[o + size + 1] << 8)) + 1) % size
    page[o + size] = index
    page[o + size + 1] = index >> 8
    page[o + index] = level
    let changes = 0
    let weight = 0.8
    let dirty = 0
    for (let i = 0; i < size - 1; i++) {
      const c = (index + i) % size
      const p = (c + size - 1) % size
      if (page[o + c] !== page[o + p]) changes += weight
      dirty |= page[o + c]
      weight += this.weightStep
    }
    dirty |= page[o + ((index + size - 1) % size)]
    const percent = changes / (size - 1)
    let flapping = (status & flappingBit) !== 0
    if (flapping && percent < this.flapLow) flapping = false
    else if (!flapping && percent > this.flapHigh) flapping = true
    status &= ~(flappingBit | dirtyBit)
    return status | (flapping ? flappingBit : 0) | (dirty !== 0 ? dirtyBit : 0)
  }

  /** lastTriggered = the given time; firstTriggered too when the level before the newest is OK. */
  triggered(g: number, ms: number, sub: number): void {
    this.times.set(g, ms + zeroTimeMs, 1)
    this.subs.set(g, sub, 1)
    if ((this.status.get(g) & 0b1100) === 0) {
      this.times.set(g, ms + zeroTimeMs, 0)
      this.subs.set(g, sub, 0)
    }
  }

  /** Whether (ms, sub) is at least the span after lastTriggered. */
  expired(g: number, ms: number, sub: number, intervalMs: number, intervalSub: number): boolean {
    let dMs = ms + zeroTimeMs - this.times.get(g, 1)
    let dSub = sub - this.subs.get(g, 1)
    if (dSub < 0) {
      dMs--
      dSub += 1_000_000
    }
    return dMs > intervalMs || (dMs === intervalMs && dSub >= intervalSub)
  }

  /** lastTriggered − firstTriggered, saturated to int64. */
  durationNs(g: number): bigint {
    const ns =
      BigInt(this.times.get(g, 1) - this.times.get(g, 0)) * 1_000_000n +
      BigInt(this.subs.get(g, 1) - this.subs.get(g, 0))
    return ns > maxDuration ? maxDuration : ns < minDuration ? minDuration : ns
  }

  dispose(): void {
    this.status.release()
    this.times.release()
    this.subs.release()
    this.ring?.release()
  }
}
