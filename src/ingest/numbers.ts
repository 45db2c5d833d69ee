/** Numbers of line protocol as int64 words and doubles, exact, without BigInt where nothing can overflow. Thread: main. */

export const pow10 = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]

const two32 = 4294967296

/** Nanoseconds per unit of a precision; unknown precisions mean nanoseconds. */
export function unitNs(precision: string): number {
  switch (precision) {
    case 'u':
      return 1e3
    case 'ms':
      return 1e6
    case 's':
      return 1e9
    case 'm':
      return 6e10
    case 'h':
      return 3.6e12
    default:
      return 1
  }
}

/** The int64 `a · b + c` for non-negative integers a, b < 2^53, c < 2^32 and a result below 2^63 − 4096, at words i, i + 1. */
export function setProduct(out: Int32Array, i: number, a: number, b: number, c: number): void {
  const lo = (Math.imul(a | 0, b | 0) + c) | 0
  out[i] = lo
  // The double is off by 1024 at most, which rounds away once the exact low word is taken off.
  out[i + 1] = Math.round((a * b + c - (lo >>> 0)) / two32)
}

export function negate(out: Int32Array, i: number): void {
  const lo = out[i]
  out[i] = -lo
  out[i + 1] = lo === 0 ? -out[i + 1] : ~out[i + 1]
}

export function setBigInt(out: Int32Array, i: number, v: bigint): void {
  out[i] = Number(BigInt.asIntN(32, v))
  out[i + 1] = Number(BigInt.asIntN(32, v >> 32n))
}

/** ASCII bytes as text. */
export function asciiAt(b: Uint8Array, start: number, end: number): string {
  let s = ''
  for (let i = start; i < end; i++) s += String.fromCharCode(b[i])
  return s
}
