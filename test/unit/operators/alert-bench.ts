/** An alert node of a script fragment, with its events decoded. */
import {
  type AlertEvent,
  decodeAlertFrame,
  decodeInhibitFrame,
  type InhibitFrame,
} from '../../../src/alert-handlers/event-frame.js'
import { Duration } from '../../../src/columns/values.js'
import { alertEntry } from '../../../src/operators/alert/alert.js'
import { alertDef } from '../../../src/operators/alert/alert-def.js'
import { Lambda, type ScriptValue } from '../../../src/tickscript/node-def.js'
import { parse } from '../../../src/tickscript/parser.js'
import { Out } from '../../../src/transport/output.js'
import { bench, type TestBench } from './bench.js'
import { type FeedOptions, plan } from './harness.js'

export function lambda(text: string): Lambda {
  const [statement] = parse(`var x = lambda: ${text}`).statements
  if (statement.type !== 'declaration' || statement.value.type !== 'lambda') throw new Error(`no lambda: ${text}`)
  return new Lambda(statement.value)
}

export const seconds = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)

const lambdaProps = ['info', 'warn', 'crit', 'infoReset', 'warnReset', 'critReset']

export interface AlertProps {
  [name: string]: ScriptValue | null
}

export interface AlertBench extends TestBench {
  /** Events since the last call. */
  events(): AlertEvent[]
  inhibits(): InhibitFrame[]
  /** Values of field v, one second apart, at t = 0, 1, … */
  values(values: readonly number[]): void
}

export function alertBench(props: AlertProps, feed: FeedOptions = {}, edge: 'stream' | 'batch' = 'stream'): AlertBench {
  const given: Record<string, ScriptValue | null> = {}
  for (const [k, v] of Object.entries(props)) {
    given[k] = lambdaProps.includes(k) && typeof v === 'string' ? lambda(v) : v
  }
  const planned = plan(alertDef, [], given, { edge })
  const b = bench(alertEntry, planned, feed)
  const take = (type: number) => {
    const frames = b.ctx.sent.filter((s) => s.type === type)
    const rest = b.ctx.sent.filter((s) => s.type !== type)
    b.ctx.sent.splice(0, b.ctx.sent.length, ...rest)
    return frames
  }
  return {
    ...b,
    events: () =>
      take(Out.Alert).flatMap((s) => {
        const f = decodeAlertFrame(s.payload, 'task')
        return f.kind === 'event' ? [f.event] : []
      }),
    inhibits: () => take(Out.Inhibit).map((s) => decodeInhibitFrame(s.payload)),
    values: (values) => {
      b.feed.rows(
        b.op,
        values.map((v, t) => `m v=${v} @${t}`),
      )
    },
  }
}

const letters = ['OK', 'I', 'W', 'C']

/** `1:W(0) 3:C(2)`: time and duration in seconds. */
export function brief(events: readonly AlertEvent[]): string {
  return events
    .map((e) => `${e.timeNs / 1_000_000_000n}:${letters[e.level]}(${e.durationNs / 1_000_000_000n})`)
    .join(' ')
}
