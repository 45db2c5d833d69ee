/** Time functions (spec tickscript 8.5), in the local time zone of the process. Thread: any. */
import { spanOf } from '../../columns/time.js'
import { Timestamp } from '../../columns/values.js'
import { Type } from '../types.js'
import { type FunctionDef, sig } from './function-def.js'

const { Int, Time } = Type

/** One Date for all calls: a new one per row would be garbage. Never held across a call. */
const clock = new Date(0)

function part(name: string, doc: string, get: (d: Date) => number): FunctionDef {
  const ofMs = (ms: number): number => {
    clock.setTime(ms)
    return get(clock)
  }
  return {
    name,
    family: 'time',
    doc,
    params: ['t'],
    signatures: [sig([Time], Int)],
    call: (args) => BigInt(ofMs(spanOf((args[0] as Timestamp).ns).ms)),
    kernel: () => ({ fn: ofMs }),
  }
}

export const timeFunctions: readonly FunctionDef[] = [
  {
    name: 'unixNano',
    family: 'time',
    doc: 'Nanoseconds since the Unix epoch.',
    params: ['t'],
    signatures: [sig([Time], Int)],
    call: (args) => (args[0] as Timestamp).ns,
  },
  part('minute', 'Minute of the hour, 0 to 59.', (d) => d.getMinutes()),
  part('hour', 'Hour of the day, 0 to 23.', (d) => d.getHours()),
  part('weekday', 'Day of the week, 0 (Sunday) to 6.', (d) => d.getDay()),
  part('day', 'Day of the month, 1 to 31.', (d) => d.getDate()),
  part('month', 'Month of the year, 1 to 12.', (d) => d.getMonth() + 1),
  part('year', 'Year.', (d) => d.getFullYear()),
  {
    name: 'now',
    family: 'time',
    doc: 'The time of the wall clock, in a task never the same twice.',
    params: [],
    signatures: [sig([], Time)],
    call: (_args, nowNs) => new Timestamp(nowNs()),
  },
]
