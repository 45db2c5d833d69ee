/** Ready-made events and logs for the tests of topics and handlers. */

import { Delivery } from '../../../src/alert-handlers/delivery.js'
import { type AlertEvent, decodeAlertFrame, FrameWriter } from '../../../src/alert-handlers/event-frame.js'
import { Timestamp, type Value } from '../../../src/columns/values.js'
import type { Log } from '../../../src/log.js'

export interface EventParts {
  readonly id?: string
  readonly level?: number
  readonly message?: string
  readonly timeS?: number
  readonly category?: string
  readonly tags?: Record<string, string>
  /** A value that JSON cannot hold. */
  readonly unencodable?: boolean
  /** Further columns of the row: names and cells. */
  readonly cells?: Readonly<Record<string, Value>>
}

/** Through a frame, as main gets it. */
export function event(parts: EventParts = {}): AlertEvent {
  const { id = 'm:nil', level = 3, message = `${id} is CRITICAL`, timeS = 1_600_000_000, tags = {} } = parts
  const at = new Timestamp(1_600_000_000_000_000_000n)
  const v = parts.unencodable ? Number.POSITIVE_INFINITY : 9007199254740993n
  const extra = { columns: Object.keys(parts.cells ?? {}), cells: Object.values(parts.cells ?? {}) }
  const frame = new FrameWriter().event(
    {
      id,
      level,
      message,
      details: '<b>&amp;</b>',
      name: 'm',
      group: '',
      category: parts.category ?? '',
      recoverable: true,
      ms: timeS * 1000,
      sub: 0,
      timeNs: BigInt(timeS) * 1_000_000_000n,
      durationNs: 5n,
      acceptedMs: 0,
      tags: new Map(Object.entries(tags)),
    },
    [{ name: 'm', tags: new Map(), columns: ['time', 'v', ...extra.columns], values: [[at, v, ...extra.cells]] }],
  )
  const decoded = decodeAlertFrame(frame, 'task1')
  if (decoded.kind !== 'event') throw new Error('not an event')
  return decoded.event
}

export function delivery(parts: EventParts = {}, previousLevel = 0): Delivery {
  return new Delivery('topic1', event(parts), previousLevel)
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly keys: Record<string, unknown>
}

export class TestLog implements Log {
  constructor(readonly lines: LogLine[] = []) {}
  debug(msg: string, keys: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'debug', msg, keys })
  }
  info(msg: string, keys: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'info', msg, keys })
  }
  error(msg: string, keys: Record<string, unknown> = {}): void {
    this.lines.push({ level: 'error', msg, keys })
  }
  with(): Log {
    return new TestLog(this.lines)
  }
  errors(): string[] {
    return this.lines.filter((l) => l.level === 'error').map((l) => `${l.msg}: ${String(l.keys.err ?? '')}`)
  }
}
