/**
 * Frames from a shard to main: finished alert events (Out.Alert) and the state of inhibitors (Out.Inhibit). The shard renders
 * everything; main adds only previousLevel, which belongs to the topic.
 *
 *   event    u8 1, u8 level, u8 flags (1 recoverable), u8 0,
 *            i64 time, i64 duration, f64 acceptedMs, texts: id, message, details, name, group, category, JSON before the rows, rows as JSON,
 *            kinds of their cells, why JSON cannot hold them ('' when it can), JSON and kinds of the row of fields ('' when it
 *            is that of the rows), u16 count of tags, per tag: key, value
 *   restore  u8 2, texts: from topic, to topic, id       the state of `from` is to be copied to `to`
 *   inhibit  u8 3, u8 on, i32 group, u16 count of inhibitors, per inhibitor: category, u16 count of tags, key, value …
 *   text     u32 byte length, UTF-8
 *
 * The bytes of the JSON are those that log, exec and post deliver (spec alerts 10). Thread: any.
 */

import { jsonString } from '../columns/json-encode.js'
import type { Row } from '../columns/point.js'
import { formatRfc3339 } from '../columns/time.js'
import { type EventRows, encodeRows } from './event-rows.js'

export const levelTexts = ['OK', 'INFO', 'WARNING', 'CRITICAL'] as const

export interface EventHead {
  readonly level: number
  readonly recoverable: boolean
  readonly ms: number
  readonly sub: number
  readonly timeNs: bigint
  readonly durationNs: bigint
  /** Stamp of the write, or due time of the timer, that made the event. */
  readonly acceptedMs: number
  readonly id: string
  readonly message: string
  readonly details: string
  readonly name: string
  readonly group: string
  readonly category: string
  readonly tags: ReadonlyMap<string, string>
}

/** An event as main handles it, before a topic is known. */
export interface AlertEvent {
  readonly taskId: string
  readonly level: number
  readonly timeNs: bigint
  readonly durationNs: bigint
  readonly id: string
  readonly message: string
  readonly details: string
  readonly name: string
  /** '' when ungrouped. */
  readonly group: string
  readonly category: string
  readonly recoverable: boolean
  readonly tags: ReadonlyMap<string, string>
  /** JSON up to the rows, `"data":` included. */
  readonly jsonHead: string
  readonly rows: EventRows
  /** Has one row: the fields of the point that the event is about. */
  readonly fields: EventRows
}

export type AlertFrame =
  | { readonly kind: 'event'; readonly acceptedMs: number; readonly event: AlertEvent }
  | { readonly kind: 'restore'; readonly from: string; readonly to: string; readonly id: string }

export interface InhibitorState {
  readonly category: string
  readonly tags: readonly (readonly [string, string])[]
}

export interface InhibitFrame {
  readonly on: boolean
  readonly group: number
  readonly inhibitors: readonly InhibitorState[]
}

/** One line of JSON with its line end. */
export function eventJson(event: AlertEvent, previousLevel: number): string {
  const { jsonHead, rows, recoverable } = event
  return `${jsonHead}${rows.json},"previousLevel":"${levelTexts[previousLevel]}","recoverable":${recoverable}}\n`
}

/** What stands before the rows in the JSON of an event. */
export function eventJsonHead(
  head: Omit<EventHead, 'acceptedMs' | 'tags' | 'name' | 'group' | 'category' | 'recoverable' | 'timeNs'>,
): string {
  return (
    `{"id":${jsonString(head.id)},"message":${jsonString(head.message)},"details":${jsonString(head.details)},` +
    `"time":"${formatRfc3339(head.ms, head.sub)}","duration":${head.durationNs},"level":"${levelTexts[head.level]}","data":`
  )
}

/** Writes frames into a buffer that grows and is reused; the result is valid until the next frame. */
export class FrameWriter {
  private bytes = Buffer.alloc(4096)
  private at = 0

  /** `fields`: of the point that the event is about; null when the series have it alone. */
  event(head: EventHead, series: readonly Row[], fields: Row | null = null): Uint8Array {
    const rows = encodeRows(series)
    const own = fields === null ? { json: '', kinds: '' } : encodeRows([fields])
    this.at = 0
    this.u8(1)
    this.u8(head.level)
    this.u8(head.recoverable ? 1 : 0)
    this.u8(0)
    this.i64(head.timeNs)
    this.i64(head.durationNs)
    this.f64(head.acceptedMs)
    for (const s of [head.id, head.message, head.details, head.name, head.group, head.category]) this.text(s)
    for (const s of [eventJsonHead(head), rows.json, rows.kinds, rows.error, own.json, own.kinds]) this.text(s)
    this.u16(head.tags.size)
    for (const [k, v] of head.tags) {
      this.text(k)
      this.text(v)
    }
    return this.view()
  }

  restore(from: string, to: string, id: string): Uint8Array {
    this.at = 0
    this.u8(2)
    for (const s of [from, to, id]) this.text(s)
    return this.view()
  }

  inhibit(on: boolean, group: number, inhibitors: readonly InhibitorState[]): Uint8Array {
    this.at = 0
    this.u8(3)
    this.u8(on ? 1 : 0)
    this.reserve(4)
    this.at = this.bytes.writeInt32LE(group, this.at)
    this.u16(inhibitors.length)
    for (const i of inhibitors) {
      this.text(i.category)
      this.u16(i.tags.length)
      for (const [k, v] of i.tags) {
        this.text(k)
        this.text(v)
      }
    }
    return this.view()
  }

  /** A plain Uint8Array: `slice` of a Buffer would share its memory. */
  private view(): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset, this.at)
  }

  private reserve(n: number): void {
    if (this.at + n <= this.bytes.length) return
    const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.at + n))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }

  private u8(v: number): void {
    this.reserve(1)
    this.bytes[this.at++] = v
  }

  private u16(v: number): void {
    this.reserve(2)
    this.at = this.bytes.writeUInt16LE(v, this.at)
  }

  private i64(v: bigint): void {
    this.reserve(8)
    this.at = this.bytes.writeBigInt64LE(BigInt.asIntN(64, v), this.at)
  }

  private f64(v: number): void {
    this.reserve(8)
    this.at = this.bytes.writeDoubleLE(v, this.at)
  }

  private text(s: string): void {
    this.reserve(4 + s.length * 3)
    const n = this.bytes.write(s, this.at + 4, 'utf8')
    this.bytes.writeUInt32LE(n, this.at)
    this.at += 4 + n
  }
}

class FrameReader {
  at = 0
  private readonly bytes: Buffer

  constructor(payload: Uint8Array) {
    this.bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  }

  u8(): number {
    return this.bytes[this.at++]
  }

  u16(): number {
    this.at += 2
    return this.bytes.readUInt16LE(this.at - 2)
  }

  i32(): number {
    this.at += 4
    return this.bytes.readInt32LE(this.at - 4)
  }

  i64(): bigint {
    this.at += 8
    return this.bytes.readBigInt64LE(this.at - 8)
  }

  f64(): number {
    this.at += 8
    return this.bytes.readDoubleLE(this.at - 8)
  }

  text(): string {
    const n = this.bytes.readUInt32LE(this.at)
    const from = this.at + 4
    this.at = from + n
    return this.bytes.toString('utf8', from, this.at)
  }
}

/** Copies what it reads: the payload is valid during the call only. */
export function decodeAlertFrame(payload: Uint8Array, taskId: string): AlertFrame {
  const r = new FrameReader(payload)
  if (r.u8() === 2) return { kind: 'restore', from: r.text(), to: r.text(), id: r.text() }
  const level = r.u8()
  const flags = r.u8()
  r.u8()
  const timeNs = r.i64()
  const durationNs = r.i64()
  const acceptedMs = r.f64()
  const [id, message, details, name, group, category] = Array.from({ length: 6 }, () => r.text())
  const [jsonHead, json, kinds, error, fieldsJson, fieldsKinds] = Array.from({ length: 6 }, () => r.text())
  const rows = { json, kinds, error }
  const tags = new Map<string, string>()
  for (let n = r.u16(); n > 0; n--) tags.set(r.text(), r.text())
  return {
    kind: 'event',
    acceptedMs,
    event: {
      taskId,
      level,
      timeNs,
      durationNs,
      id,
      message,
      details,
      name,
      group,
      category,
      recoverable: (flags & 1) !== 0,
      tags,
      jsonHead,
      rows,
      fields: fieldsJson === '' ? rows : { json: fieldsJson, kinds: fieldsKinds, error: '' },
    },
  }
}

export function decodeInhibitFrame(payload: Uint8Array): InhibitFrame {
  const r = new FrameReader(payload)
  r.u8()
  const on = r.u8() === 1
  const group = r.i32()
  const inhibitors: InhibitorState[] = []
  for (let n = r.u16(); n > 0; n--) {
    const category = r.text()
    const tags: [string, string][] = []
    for (let t = r.u16(); t > 0; t--) tags.push([r.text(), r.text()])
    inhibitors.push({ category, tags })
  }
  return { on, group, inhibitors }
}
