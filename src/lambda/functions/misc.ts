/** humanBytes, if, isPresent (spec tickscript 8.5). Thread: any. */

import { missing } from '../../columns/values.js'
import { formatFixed } from '../../go/go-format.js'
import { floatToInt64, Type } from '../types.js'
import { type FunctionDef, sig } from './function-def.js'

const { Missing, Int, Float, String: Str, Bool, Duration, Time, Regex } = Type

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** `size` is a uint64. */
export function humanBytes(size: bigint): string {
  if (size < 10n) return `${size} B`
  let e = 0
  // By comparison: a quotient of logarithms rounds the wrong way at powers of 1000.
  for (let limit = 1000n; size >= limit && e < units.length - 1; limit *= 1000n) e++
  const v = Math.floor((Number(size) / 1000 ** e) * 10 + 0.5) / 10
  return `${formatFixed(v, v < 10 ? 1 : 0)} ${units[e]}`
}

/** Go's float64 → uint64 on amd64: 2^63 for what 64 bits cannot hold. */
function floatToUint64(v: number): bigint {
  if (!(v >= 2 ** 63)) return BigInt.asUintN(64, floatToInt64(v))
  return BigInt.asUintN(64, floatToInt64(v - 2 ** 63) | (1n << 63n))
}

export const miscFunctions: readonly FunctionDef[] = [
  {
    name: 'humanBytes',
    family: 'misc',
    doc: 'A size in bytes for people: 1.5 kB, 83 MB; steps of 1000.',
    params: ['x'],
    signatures: [sig([Float], Str), sig([Int], Str)],
    call: (args) =>
      humanBytes(typeof args[0] === 'number' ? floatToUint64(args[0]) : BigInt.asUintN(64, args[0] as bigint)),
    kernel: (s) => ({
      fn:
        s.args[0] === Float
          ? (v: number) => humanBytes(floatToUint64(v))
          : (v: number) => humanBytes(BigInt.asUintN(64, BigInt(v))),
    }),
  },
  {
    name: 'if',
    family: 'misc',
    doc: 'The second argument when the first is true, else the third. Both are always evaluated.',
    params: ['condition', 'a', 'b'],
    signatures: [Float, Int, Str, Bool, Regex, Time, Duration].map((t) => sig([Bool, t, t], t)),
    call: (args) => (args[0] === true ? args[1] : args[2]),
    kernel: () => ({ fn: (c, a, b) => (c ? a : b), inline: (c, a, b) => `(${c} ? ${a} : ${b})` }),
  },
  {
    name: 'isPresent',
    family: 'misc',
    doc: 'Whether the field or tag exists on the point.',
    params: ['x'],
    signatures: [Missing, Bool, Str, Int, Float].map((t) => sig([t], Bool)),
    call: (args) => args[0] !== missing,
  },
]
