/** Math functions over floats (spec tickscript 8.3). Out of domain gives NaN or infinities, never an error. Thread: any. */
import { Type } from '../types.js'
import { type FunctionDef, type Kernel, sig } from './function-def.js'
import { erf, erfc, gamma, j0, j1, jn, y0, y1, yn } from './special-functions.js'

const { Int, Float } = Type

/** Exponent of the binary form: 3 for 10. */
export function logb(x: number): number {
  if (x === 0) return -Infinity
  if (!Number.isFinite(x)) return Number.isNaN(x) ? x : Infinity
  let a = Math.abs(x)
  let shift = 0
  if (a < 2 ** -1022) {
    a *= 2 ** 60
    shift = 60
  }
  let e = Math.floor(Math.log2(a))
  // log2 may round up to the next power just below it, or down to the one before.
  if (2 ** e > a) e--
  else if (e < 1023 && 2 ** (e + 1) <= a) e++
  return e - shift
}

/** The infinity that decides wins over NaN, as in Go. */
function max(x: number, y: number): number {
  return x === Infinity || y === Infinity ? Infinity : Math.max(x, y)
}

function min(x: number, y: number): number {
  return x === -Infinity || y === -Infinity ? -Infinity : Math.min(x, y)
}

function pow(x: number, y: number): number {
  // JavaScript answers NaN for 1^±Inf and (±1)^NaN where Go follows C.
  if (x === 1 || y === 0) return 1
  if (x === -1 && (y === Infinity || y === -Infinity)) return 1
  return x ** y
}

function exp2(x: number): number {
  return 2 ** x
}

function pow10(n: number): number {
  if (n < -323) return 0
  return n > 308 ? Infinity : Number(`1e${n}`)
}

function math1(name: string, fn: (x: number) => number, doc: string, builtin?: string): FunctionDef {
  const kernel: Kernel = builtin === undefined ? { fn } : { fn, inline: (x) => `${builtin}(${x})` }
  return {
    name,
    family: 'math',
    doc,
    params: ['x'],
    signatures: [sig([Float], Float)],
    call: (args) => fn(args[0] as number),
    kernel: () => kernel,
  }
}

function math2(name: string, params: string[], fn: (x: number, y: number) => number, doc: string): FunctionDef {
  const kernel: Kernel = { fn }
  return {
    name,
    family: 'math',
    doc,
    params,
    signatures: [sig([Float, Float], Float)],
    call: (args) => fn(args[0] as number, args[1] as number),
    kernel: () => kernel,
  }
}

function bessel(name: string, fn: (n: number, x: number) => number, doc: string): FunctionDef {
  const kernel: Kernel = { fn }
  return {
    name,
    family: 'math',
    doc,
    params: ['n', 'x'],
    signatures: [sig([Int, Float], Float)],
    call: (args) => fn(Number(args[0] as bigint), args[1] as number),
    kernel: () => kernel,
  }
}

export const mathFunctions: readonly FunctionDef[] = [
  math1('abs', Math.abs, 'Absolute value.', 'Math.abs'),
  math1('acos', Math.acos, 'Arc cosine, in radians.'),
  math1('acosh', Math.acosh, 'Inverse hyperbolic cosine.'),
  math1('asin', Math.asin, 'Arc sine, in radians.'),
  math1('asinh', Math.asinh, 'Inverse hyperbolic sine.'),
  math1('atan', Math.atan, 'Arc tangent, in radians.'),
  math1('atanh', Math.atanh, 'Inverse hyperbolic tangent.'),
  math1('cbrt', Math.cbrt, 'Cube root.'),
  math1('ceil', Math.ceil, 'Least integer not below x.', 'Math.ceil'),
  math1('cos', Math.cos, 'Cosine of x in radians.', 'Math.cos'),
  math1('cosh', Math.cosh, 'Hyperbolic cosine.'),
  math1('erf', erf, 'Error function.'),
  math1('erfc', erfc, 'Complementary error function.'),
  math1('exp', Math.exp, 'e to the power of x.', 'Math.exp'),
  math1('exp2', exp2, '2 to the power of x.'),
  math1('expm1', Math.expm1, 'e to the power of x, minus 1, accurate near zero.'),
  math1('floor', Math.floor, 'Greatest integer not above x.', 'Math.floor'),
  math1('gamma', gamma, 'Gamma function.'),
  math1('j0', j0, 'Bessel function of the first kind, order 0.'),
  math1('j1', j1, 'Bessel function of the first kind, order 1.'),
  math1('log', Math.log, 'Natural logarithm.', 'Math.log'),
  math1('log10', Math.log10, 'Decimal logarithm.', 'Math.log10'),
  math1('log1p', Math.log1p, 'Natural logarithm of 1 + x, accurate near zero.'),
  math1('log2', Math.log2, 'Binary logarithm.', 'Math.log2'),
  math1('logb', logb, 'Binary exponent of x.'),
  math1('sin', Math.sin, 'Sine of x in radians.', 'Math.sin'),
  math1('sinh', Math.sinh, 'Hyperbolic sine.'),
  math1('sqrt', Math.sqrt, 'Square root.', 'Math.sqrt'),
  math1('tan', Math.tan, 'Tangent of x in radians.'),
  math1('tanh', Math.tanh, 'Hyperbolic tangent.'),
  math1('trunc', Math.trunc, 'Integer part of x.', 'Math.trunc'),
  math1('y0', y0, 'Bessel function of the second kind, order 0.'),
  math1('y1', y1, 'Bessel function of the second kind, order 1.'),
  math2('atan2', ['y', 'x'], Math.atan2, 'Angle of the point (x, y), in radians.'),
  math2('hypot', ['x', 'y'], Math.hypot, 'Square root of x² + y².'),
  math2('max', ['x', 'y'], max, 'The larger of two floats.'),
  math2('min', ['x', 'y'], min, 'The smaller of two floats.'),
  math2('mod', ['x', 'y'], (x, y) => x % y, 'Remainder of x / y with the sign of x.'),
  math2('pow', ['x', 'y'], pow, 'x to the power of y.'),
  bessel('jn', jn, 'Bessel function of the first kind, order n.'),
  bessel('yn', yn, 'Bessel function of the second kind, order n.'),
  {
    name: 'pow10',
    family: 'math',
    doc: '10 to the power of an integer.',
    params: ['n'],
    signatures: [sig([Int], Float)],
    call: (args) => pow10(Number(args[0] as bigint)),
    kernel: () => ({ fn: pow10 }),
  },
]
