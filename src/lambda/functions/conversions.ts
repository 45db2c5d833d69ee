/** bool, int, float, string, duration (spec tickscript 8.2). Thread: any. */

import { Duration } from '../../columns/values.js'
import {
  formatFloatF,
  formatFloatG,
  goQuote,
  parseBool,
  parseFloat64,
  parseInt64,
  strconvError,
} from '../../go/go-format.js'
import { Failure, floatToInt64, Type } from '../types.js'
import { type FunctionDef, type Kernel, type Operand, sig } from './function-def.js'

const safe = 2 ** 53

function toBool(v: Operand): boolean {
  if (typeof v === 'boolean') return v
  if (typeof v === 'string') {
    const parsed = parseBool(v)
    if (parsed === null) throw new Failure(strconvError('ParseBool', v, 'invalid syntax'))
    return parsed
  }
  // biome-ignore lint/suspicious/noDoubleEquals: 0 and 0n, 1 and 1n alike
  if (v == 0 || v == 1) return v == 1
  throw new Failure(`cannot convert ${typeof v === 'number' ? formatFloatG(v) : String(v)} to boolean`)
}

function toInt(v: Operand): bigint {
  if (typeof v === 'bigint') return v
  if (typeof v === 'number') return floatToInt64(v)
  if (typeof v === 'boolean') return v ? 1n : 0n
  const parsed = parseInt64(v as string)
  if (typeof parsed === 'string') throw new Failure(strconvError('ParseInt', v as string, parsed))
  return parsed
}

function toFloat(v: Operand): number {
  if (typeof v === 'number') return v
  if (typeof v === 'bigint') return Number(v)
  if (typeof v === 'boolean') return v ? 1 : 0
  const parsed = parseFloat64(v as string)
  if (typeof parsed === 'string') throw new Failure(strconvError('ParseFloat', v as string, parsed))
  return parsed
}

function toText(v: Operand): string {
  if (typeof v === 'string') return v
  if (typeof v === 'number') return formatFloatF(v)
  if (v instanceof Duration) return formatInfluxDuration(v.ns)
  return String(v)
}

const unitsNs: readonly (readonly [string, bigint])[] = [
  ['w', 604_800_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
]

/** The largest unit that divides exactly, else whole microseconds: `1w`, `90s`, `8571428u`. */
export function formatInfluxDuration(ns: bigint): string {
  if (ns === 0n) return '0s'
  for (const [unit, size] of unitsNs) if (ns % size === 0n) return `${ns / size}${unit}`
  return `${ns / 1_000n}u`
}

/** An InfluxQL duration: compound, perhaps negative. null when it is none or overflows. */
export function parseInfluxDuration(s: string): bigint | null {
  const m = /^(-?)((?:[0-9]+(?:ms|[uµsmhdw]))+)$/.exec(s)
  if (m === null) return null
  let total = 0n
  for (const [, digits, unit] of m[2].matchAll(/([0-9]+)(ms|[uµsmhdw])/g)) {
    const count = parseInt64(digits)
    if (typeof count === 'string') return null
    const size = unit === 'u' || unit === 'µ' ? 1_000n : unitsNs.find((u) => u[0] === unit)![1]
    total = BigInt.asIntN(64, total + count * size)
  }
  if (m[1] === '-') return BigInt.asIntN(64, -total)
  return total < 0n ? null : total
}

function toDuration(args: readonly Operand[]): Duration {
  const [v, unit] = args
  if (v instanceof Duration) return v
  if (typeof v === 'bigint') return new Duration(BigInt.asIntN(64, v * (unit as Duration).ns))
  if (typeof v === 'number') return new Duration(floatToInt64(v * Number((unit as Duration).ns)))
  const ns = parseInfluxDuration(v as string)
  if (ns === null) throw new Failure(`invalid duration string ${goQuote(v as string)}`)
  return new Duration(ns)
}

const { Bool, Int, Float, String: Str, Duration: Dur } = Type

/** Kernel of a conversion by the kind of its first argument. */
function byArgument(kernels: Partial<Record<Type, Kernel>>): FunctionDef['kernel'] {
  return (s) => kernels[s.args[0]] ?? null
}

const same: Kernel = { fn: (v) => v, inline: (v) => v }
const exactInt = (v: number): number | undefined => (v > -safe && v < safe ? v + 0 : undefined)

export const conversions: readonly FunctionDef[] = [
  {
    name: 'bool',
    family: 'conversion',
    doc: 'Converts to a boolean: the words 1 t T TRUE true True 0 f F FALSE false False, or the numbers 0 and 1.',
    params: ['x'],
    signatures: [Bool, Str, Int, Float].map((t) => sig([t], Bool)),
    call: (args) => toBool(args[0]),
    kernel: byArgument({
      [Bool]: same,
      [Str]: { fn: (v: string) => parseBool(v) ?? undefined, partial: true },
      [Int]: { fn: (v: number) => (v === 0 ? false : v === 1 ? true : undefined), partial: true },
      [Float]: { fn: (v: number) => (v === 0 ? false : v === 1 ? true : undefined), partial: true },
    }),
  },
  {
    name: 'int',
    family: 'conversion',
    doc: 'Converts to an integer. Floats are cut toward zero; strings are decimal with an optional sign.',
    params: ['x'],
    signatures: [Bool, Str, Int, Float].map((t) => sig([t], Int)),
    call: (args) => toInt(args[0]),
    kernel: byArgument({
      [Bool]: { fn: (v: boolean) => (v ? 1 : 0) },
      [Str]: { fn: (v: string) => (/^[-+]?[0-9]{1,15}$/.test(v) ? Number(v) + 0 : undefined), partial: true },
      [Int]: same,
      [Float]: { fn: (v: number) => exactInt(Math.trunc(v)), partial: true },
    }),
  },
  {
    name: 'float',
    family: 'conversion',
    doc: 'Converts to a float. Strings are read in the syntax of Go, including 1e3, inf and nan.',
    params: ['x'],
    signatures: [Bool, Str, Int, Float].map((t) => sig([t], Float)),
    call: (args) => toFloat(args[0]),
    kernel: byArgument({
      [Bool]: { fn: (v: boolean) => (v ? 1 : 0) },
      [Str]: {
        fn: (v: string) => {
          const parsed = parseFloat64(v)
          return typeof parsed === 'number' ? parsed : undefined
        },
        partial: true,
      },
      [Int]: same,
      [Float]: same,
    }),
  },
  {
    name: 'string',
    family: 'conversion',
    doc: 'Converts to a string. Floats never get an exponent; durations use the largest unit that divides them.',
    params: ['x'],
    signatures: [Bool, Str, Int, Float, Dur].map((t) => sig([t], Str)),
    call: (args) => toText(args[0]),
    kernel: byArgument({
      [Bool]: { fn: (v: boolean) => (v ? 'true' : 'false') },
      [Str]: same,
      [Int]: { fn: (v: number) => String(v) },
      [Float]: { fn: formatFloatF },
      [Dur]: { fn: (v: number) => formatInfluxDuration(BigInt(v)) },
    }),
  },
  {
    name: 'duration',
    family: 'conversion',
    doc: 'Converts a number of units to a duration, or reads a duration string (the unit is then required but not used).',
    params: ['x', 'unit'],
    signatures: [sig([Dur], Dur), sig([Int, Dur], Dur), sig([Float, Dur], Dur), sig([Str, Dur], Dur)],
    call: toDuration,
    kernel: byArgument({
      [Dur]: same,
      [Int]: { fn: (v: number, unit: number) => exactInt(v * unit), partial: true },
      [Float]: { fn: (v: number, unit: number) => exactInt(Math.trunc(v * unit)), partial: true },
      [Str]: {
        fn: (v: string) => {
          const ns = parseInfluxDuration(v)
          return ns === null ? undefined : exactInt(Number(ns))
        },
        partial: true,
      },
    }),
  },
]
