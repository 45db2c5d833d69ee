/**
 * Compiled loops: one function per expression, signature (the kinds of the referenced columns) and mode. The source is put
 * together from the fragments of this file, indices and nothing else: literals, names and functions of the script reach
 * the code as elements of arrays, so no text of a script ever becomes code.
 *
 * Int and duration are doubles with |v| ≤ 2^53 and never −0. What a row needs beyond that (int64 wrap-around, an error and
 * its text, rare kinds) leaves the block `row`, and the interpreter takes the row from the start; stateful functions that
 * had already stepped are put back first. Thread: any.
 */
import type { Duration } from '../columns/values.js'
import type { Kernel, Operand } from './functions/function-def.js'
import { matchSignature } from './functions/registry.js'
import { type Scope, typeOf } from './interpreter.js'
import type { BinaryNode, CallNode, Node, Program, RefNode, UnaryNode } from './program.js'
import { compareBytes, compareText, concat, equalBytes, fromBytes, toBytes } from './text.js'
import { Failure, resultType, Type } from './types.js'

export type Mode = 'test' | 'value'

/** What a loop reads besides its arguments; filled by the runtime before each run. */
export interface LoopEnv {
  ms: Float64Array
  f64s: Float64Array[]
  i32s: Int32Array[]
  bytes: Uint8Array[]
  /** State of scope 0. */
  pages: Float64Array[]
  shift: number
  mask: number
  /** State index where `groups` is null. */
  base: number
  /** The page of a state index, null when memory is refused. */
  page(state: number): Float64Array | null
  /** State of the nested scopes, by scope number. */
  nested: Float64Array[]
  outKinds: Uint8Array
  outF64: Float64Array
  outI32: Int32Array
  ok: Uint8Array
  /** Outcome per selected row, when a predicate is tested. */
  outcomes: Uint8Array
  /** State index per row; null: `base` for all. */
  groups: Int32Array | null
  /** Appends to the output's bytes and stores offset and length in the row. False: there are too many already. */
  appendBytes(row: number, bytes: Uint8Array, offset: number, length: number): boolean
  appendText(row: number, s: string): boolean
  /** Evaluates one row exactly. */
  slow(i: number, row: number): void
}

export type Loop = (env: LoopEnv, rows: Int32Array | null, from: number, to: number) => void

export interface Generated {
  readonly source: string
  readonly literals: readonly unknown[]
  readonly functions: readonly unknown[]
  /** 'loop': `bind` gives the loop. 'interpret': every row goes to the interpreter. 'fails': every row fails alike. */
  readonly kind: 'loop' | 'interpret' | 'fails'
  bind(): Loop
}

/** The row cannot be finished by compiled code from here on. `certain`: it fails, and nothing happened before. */
class Leave {
  constructor(readonly certain: boolean) {}
}

/** A value in generated code: an expression without effects, and where it comes from. */
interface Val {
  readonly js: string
  /** A string column that was not decoded. */
  readonly column?: number
  readonly literal?: Operand
}

const maxSafe = 2 ** 53
const jsOp: Partial<Record<BinaryNode['op'], string>> = {
  '==': '===',
  '!=': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

function startsWithBytes(b: Uint8Array, offset: number, length: number, lit: Uint8Array): boolean {
  return length >= lit.length && equalBytes(b, offset, lit, 0, lit.length)
}

function endsWithBytes(b: Uint8Array, offset: number, length: number, lit: Uint8Array): boolean {
  return length >= lit.length && equalBytes(b, offset + length - lit.length, lit, 0, lit.length)
}

function containsBytes(b: Uint8Array, offset: number, length: number, lit: Uint8Array): boolean {
  for (let at = offset; at <= offset + length - lit.length; at++) {
    if (equalBytes(b, at, lit, 0, lit.length)) return true
  }
  return false
}

/** Functions that work on the bytes of a column when their second argument is a literal. */
const byteFunctions: Record<string, unknown> = {
  strHasPrefix: startsWithBytes,
  strHasSuffix: endsWithBytes,
  strContains: containsBytes,
}

class Generator {
  private readonly lines: string[] = []
  readonly literals: unknown[] = []
  readonly functions: unknown[] = []
  private readonly hoisted = new Map<string, string>()
  private readonly loads: Map<string, string>[] = [new Map()]
  private temps = 0
  private leaves = 0
  /** Nothing that could fail or change state was emitted before. */
  private pure = true
  /** Slots of stateful functions that step: [scope, slot, count]. */
  private readonly stepped = new Map<string, [number, number, number]>()
  private readonly kindScope: Scope

  constructor(
    private readonly program: Program,
    private readonly kinds: Uint8Array,
  ) {
    const unavailable = (): never => {
      throw new Leave(false)
    }
    this.kindScope = {
      type: (index) => kinds[index] as Type,
      value: unavailable,
      timeNs: unavailable,
      nowNs: unavailable,
      states: [],
      offsets: [],
      names: [],
    }
  }

  generate(mode: Mode): Generated {
    let kind: Generated['kind'] = 'loop'
    try {
      this.root(mode)
    } catch (err) {
      if (!(err instanceof Leave)) throw err
      kind = err.certain ? 'fails' : 'interpret'
    }
    const source = kind === 'loop' ? this.assemble() : ''
    const { literals, functions } = this
    return {
      source,
      literals,
      functions,
      kind,
      bind() {
        const make = new Function('L', 'F', source) as (l: readonly unknown[], f: readonly unknown[]) => Loop
        return make(literals, functions)
      },
    }
  }

  private root(mode: Mode): void {
    const { root } = this.program
    const t = this.typeOf(root)
    if (mode === 'test') {
      const v = this.evalAs(root, Type.Bool)
      this.emit(`${this.env('outcomes')}[i] = ${v.js} ? 1 : 0`)
      return
    }
    if (t === Type.Regex || t === Type.Time || t === Type.Invalid || t === Type.Missing) this.fail()
    const v = this.evalAs(root, t)
    this.emit(`${this.env('outKinds')}[r] = ${t}`)
    switch (t) {
      case Type.Float:
        this.emit(`${this.env('outF64')}[r] = ${v.js}`)
        break
      case Type.Bool:
        this.emit(`${this.env('outI32')}[2 * r] = ${v.js} ? 1 : 0`)
        break
      case Type.String:
        if (v.column !== undefined) {
          const [bytes, offset, length] = this.span(v.column)
          this.leaveIf(`!env.appendBytes(r, ${bytes}, ${offset}, ${length})`)
        } else this.leaveIf(`!env.appendText(r, ${v.js})`)
        break
      default: {
        const i32 = this.env('outI32')
        const hi = this.temp(`Math.floor(${v.js} / 4294967296)`)
        this.emit(`${i32}[2 * r] = ${v.js} - ${hi} * 4294967296`)
        this.emit(`${i32}[2 * r + 1] = ${hi}`)
      }
    }
    this.emit(`${this.env('ok')}[r] = 1`)
  }

  private assemble(): string {
    const head: string[] = []
    for (const [name, value] of this.hoisted) head.push(`const ${name} = ${value}`)
    const perRow: string[] = ['const r = rows === null ? i : rows[i]']
    const restore: string[] = []
    const steps = [...this.stepped.values()]
    if (steps.some(([scope]) => scope === 0)) {
      head.push('const pages = env.pages, shift = env.shift, mask = env.mask, base = env.base, groups = env.groups')
      perRow.push(
        'const g = groups === null ? base : groups[r]',
        `const o = (g & mask) * ${this.program.slots[0]}`,
        'let P = pages[g >> shift]',
        // A page may still be shorter than the indices it is for.
        'if (P === undefined || o >= P.length) { P = env.page(g); if (P === null) { env.slow(i, r); continue } }',
      )
    }
    if (this.leaves > 0) {
      for (const [scope, slot, count] of steps) {
        for (let k = 0; k < count; k++) {
          const cell = `${this.stateArray(scope)}[${this.stateOffset(scope, slot + k)}]`
          perRow.push(`const s${scope}_${slot + k} = ${cell}`)
          restore.push(`${cell} = s${scope}_${slot + k}`)
        }
      }
    }
    return [
      '"use strict"',
      ...this.literals.map((_, k) => `const l${k} = L[${k}]`),
      ...this.functions.map((_, k) => `const f${k} = F[${k}]`),
      'return function (env, rows, from, to) {',
      ...head,
      'for (let i = from; i < to; i++) {',
      ...perRow,
      'row: {',
      ...this.lines,
      'continue',
      '}',
      ...restore,
      'env.slow(i, r)',
      '}',
      '}',
    ].join('\n')
  }

  private emit(line: string): void {
    this.lines.push(line)
  }

  private temp(js: string): string {
    const name = `v${this.temps++}`
    this.emit(`const ${name} = ${js}`)
    return name
  }

  private env(field: keyof LoopEnv): string {
    this.hoisted.set(field, `env.${field}`)
    return field
  }

  private columnArray(kind: 'f64s' | 'i32s' | 'bytes', index: number): string {
    const name = `${kind}${index}`
    this.hoisted.set(name, `env.${kind}[${index}]`)
    return name
  }

  private literalArg(value: unknown): string {
    return `l${this.literals.push(value) - 1}`
  }

  private functionArg(fn: unknown): string {
    const known = this.functions.indexOf(fn)
    return `f${known >= 0 ? known : this.functions.push(fn) - 1}`
  }

  private stateArray(scope: number): string {
    if (scope === 0) return 'P'
    this.hoisted.set(`N${scope}`, `env.nested[${scope}]`)
    return `N${scope}`
  }

  private stateOffset(scope: number, slot: number): string {
    return scope === 0 ? `o + ${slot}` : `${slot}`
  }

  /** Leaves the row when the condition holds. */
  private leaveIf(condition: string): void {
    this.emit(`if (${condition}) break row`)
    this.leaves++
    this.pure = false
  }

  private fail(): never {
    throw new Leave(this.pure && this.loads.length === 1)
  }

  private typeOf(n: Node): Type {
    try {
      return typeOf(n, this.kindScope)
    } catch (err) {
      if (err instanceof Failure) this.fail()
      throw err
    }
  }

  /** Statements of a branch that may not be reached. A branch that cannot be finished leaves the row. */
  private branch(condition: string, body: () => void): void {
    this.emit(`if (${condition}) {`)
    this.loads.push(new Map())
    try {
      body()
    } catch (err) {
      if (!(err instanceof Leave)) throw err
      this.emit('break row')
      this.leaves++
      this.pure = false
    } finally {
      this.loads.pop()
    }
    this.emit('}')
  }

  /** Evaluates once per block: a load is repeated only where no enclosing block has made it. */
  private loadOnce(key: string, make: () => string): string {
    for (const level of this.loads) {
      const known = level.get(key)
      if (known !== undefined) return known
    }
    const name = make()
    this.loads[this.loads.length - 1].set(key, name)
    return name
  }

  private evalAs(n: Node, want: Type): Val {
    switch (n.node) {
      case 'literal':
        if (n.staticType !== want) this.fail()
        return this.literal(n.value, want)
      case 'ref':
        return this.ref(n, want)
      case 'unary':
        return this.unary(n, want)
      case 'binary':
        return this.binary(n, want)
      case 'call':
        return this.call(n, want)
      case 'nested': {
        if (this.typeOf(n) !== want || want === Type.Time) this.fail()
        return this.evalAs(n.expression, want)
      }
    }
  }

  private literal(value: Operand, t: Type): Val {
    if (t === Type.Bool) return { js: value === true ? 'true' : 'false' }
    if (t === Type.Int || t === Type.Duration) {
      const v = Number(t === Type.Int ? (value as bigint) : (value as Duration).ns)
      if (Math.abs(v) >= maxSafe) throw new Leave(false)
      return { js: this.literalArg(v) }
    }
    return { js: this.literalArg(value), literal: value }
  }

  private ref(n: RefNode, want: Type): Val {
    if (n.index < 0) {
      if (want !== Type.Time) this.fail()
      return { js: `${this.env('ms')}[r]` }
    }
    if (this.kinds[n.index] !== want) this.fail()
    const j = n.index
    switch (want) {
      case Type.Float:
        return { js: this.loadOnce(`f${j}`, () => this.temp(`${this.columnArray('f64s', j)}[r]`)) }
      case Type.Bool:
        return { js: this.loadOnce(`b${j}`, () => this.temp(`${this.columnArray('i32s', j)}[2 * r] !== 0`)) }
      case Type.Int:
      case Type.Duration:
        return { js: this.loadOnce(`i${j}`, () => this.loadInt(j)) }
      case Type.String:
        return {
          js: '',
          column: j,
        }
      default:
        throw new Leave(false)
    }
  }

  private loadInt(j: number): string {
    const a = this.columnArray('i32s', j)
    const hi = this.temp(`${a}[2 * r + 1]`)
    this.leaveIf(`${hi} < -2097151 || ${hi} > 2097151`)
    return this.temp(`${hi} * 4294967296 + (${a}[2 * r] >>> 0)`)
  }

  /** Bytes, offset and length of a string column's cell. */
  private span(j: number): [string, string, string] {
    const a = this.columnArray('i32s', j)
    const offset = this.loadOnce(`o${j}`, () => this.temp(`${a}[2 * r]`))
    const length = this.loadOnce(`n${j}`, () => this.temp(`${a}[2 * r + 1]`))
    return [this.columnArray('bytes', j), offset, length]
  }

  /** The value as a JavaScript string. */
  private text(v: Val): string {
    if (v.column === undefined) return v.js
    const j = v.column
    const [bytes, offset, length] = this.span(j)
    return this.loadOnce(`t${j}`, () => this.temp(`${this.functionArg(fromBytes)}(${bytes}, ${offset}, ${length})`))
  }

  /** Bytes, offset and length of a column or of a literal; null for a computed string. */
  private bytesOf(v: Val): [string, string, string] | null {
    if (v.column !== undefined) return this.span(v.column)
    if (typeof v.literal !== 'string') return null
    const bytes = toBytes(v.literal)
    return [this.literalArg(bytes), '0', `${bytes.length}`]
  }

  private safeInt(js: string): Val {
    const v = this.temp(js)
    this.leaveIf(`!(${v} < ${maxSafe} && ${v} > -${maxSafe})`)
    return { js: v }
  }

  private unary(n: UnaryNode, want: Type): Val {
    if (want === Type.Regex || want === Type.Time || want === Type.String || want === Type.Missing) this.fail()
    if (this.typeOf(n) !== want) this.fail()
    const v = this.evalAs(n.operand, want)
    if (want === Type.Bool) return { js: this.temp(`!${v.js}`) }
    return { js: this.temp(want === Type.Float ? `-${v.js}` : `0 - ${v.js}`) }
  }

  private binary(n: BinaryNode, want: Type): Val {
    let left = n.left.staticType
    let right = n.right.staticType
    if (n.left.dynamic || n.right.dynamic) {
      left = this.typeOf(n.left)
      right = this.typeOf(n.right)
    }
    const result = resultType(n.op, left, right)
    if (result === Type.Invalid) this.fail()
    // The text needs the sides evaluated first.
    if (result !== want) throw new Leave(false)
    if (n.op === 'AND' || n.op === 'OR') return this.logical(n)
    const a = this.evalAs(n.left, left)
    const b = this.evalAs(n.right, right)
    if (n.op === '=~' || n.op === '!~') return this.match(n.op, a, b)
    if (left === Type.String) return n.op === '+' ? this.join(a, b) : this.compareStrings(n.op, a, b)
    const compared = jsOp[n.op]
    if (compared !== undefined) return { js: this.temp(`${a.js} ${compared} ${b.js}`) }
    const truncated = result !== Type.Float && (left === Type.Float || right === Type.Float)
    return this.arithmetic(n.op, result === Type.Float, truncated, a.js, b.js)
  }

  private logical(n: BinaryNode): Val {
    const a = this.evalAs(n.left, Type.Bool)
    const v = `v${this.temps++}`
    this.emit(`let ${v} = ${a.js}`)
    this.branch(n.op === 'AND' ? v : `!${v}`, () => {
      const b = this.evalAs(n.right, Type.Bool)
      this.emit(`${v} = ${b.js}`)
    })
    return { js: v }
  }

  private match(op: string, a: Val, b: Val): Val {
    const yes = op === '=~' ? '' : '!'
    if (a.column !== undefined) {
      const [bytes, offset, length] = this.span(a.column)
      return { js: this.temp(`${yes}${b.js}.testBytes(${bytes}, ${offset}, ${length})`) }
    }
    return { js: this.temp(`${yes}${b.js}.test(${a.js})`) }
  }

  private join(a: Val, b: Val): Val {
    const v = this.temp(`${this.functionArg(concat)}(${this.text(a)}, ${this.text(b)})`)
    this.leaveIf(`${v} === undefined`)
    return { js: v }
  }

  private compareStrings(op: BinaryNode['op'], a: Val, b: Val): Val {
    const equality = op === '==' || op === '!='
    // A computed string meets a column as text; two byte ranges are compared in place.
    const x = a.column !== undefined || b.column !== undefined ? this.bytesOf(a) : null
    const y = x === null ? null : this.bytesOf(b)
    if (x !== null && y !== null) {
      const starts = `${x[0]}, ${x[1]}, ${y[0]}, ${y[1]}`
      if (equality) {
        const same = `${x[2]} === ${y[2]} && ${this.functionArg(equalBytes)}(${starts}, ${x[2]})`
        return { js: this.temp(op === '==' ? same : `!(${same})`) }
      }
      const shared = `${this.functionArg(compareBytes)}(${starts}, Math.min(${x[2]}, ${y[2]}))`
      return { js: this.temp(`(${shared} || ${x[2]} - ${y[2]}) ${op} 0`) }
    }
    const s = this.text(a)
    const t = this.text(b)
    if (equality) return { js: this.temp(`${s} ${jsOp[op]} ${t}`) }
    return { js: this.temp(`${this.functionArg(compareText)}(${s}, ${t}) ${op} 0`) }
  }

  /** `isFloat`: the result is; `truncated`: it is an integer made of floats. */
  private arithmetic(op: string, isFloat: boolean, truncated: boolean, a: string, b: string): Val {
    if (isFloat) return { js: this.temp(`${a} ${op} ${b}`) }
    if (truncated) return this.safeInt(`Math.trunc(${a} ${op} ${b}) + 0`)
    if (op === '/' || op === '%') {
      this.leaveIf(`${b} === 0`)
      return { js: this.temp(op === '/' ? `Math.trunc(${a} / ${b}) + 0` : `${a} % ${b} + 0`) }
    }
    return this.safeInt(op === '*' ? `${a} * ${b} + 0` : `${a} ${op} ${b}`)
  }

  private call(n: CallNode, want: Type): Val {
    const { def } = n
    if (def === null) this.fail()
    const types = n.args.map((a) => this.typeOf(a))
    const signature = matchSignature(def, types)
    if (signature === null) this.fail()
    if (signature.result !== want) throw new Leave(false)
    if (def.name === 'isPresent') return this.isPresent(n.args[0], types[0])
    if (def.step !== undefined) return this.step(n, signature.args)
    const kernel = def.kernel?.(signature) ?? null
    if (kernel === null || want === Type.Time) throw new Leave(false)
    const args = n.args.map((a, i) => {
      // Only the time of the row is a number here.
      if (types[i] === Type.Time && a.node !== 'ref') throw new Leave(false)
      return this.evalAs(a, types[i])
    })
    if (def.name === 'strLength' && args[0].column !== undefined) return { js: this.span(args[0].column)[2] }
    const onBytes = byteFunctions[def.name]
    if (onBytes !== undefined && args[0].column !== undefined && typeof args[1].literal === 'string') {
      const span = this.span(args[0].column).join(', ')
      return { js: this.temp(`${this.functionArg(onBytes)}(${span}, ${this.literalArg(toBytes(args[1].literal))})`) }
    }
    return this.kernelCall(
      kernel,
      args.map((v) => this.text(v)),
    )
  }

  private kernelCall(kernel: Kernel, args: string[]): Val {
    if (kernel.inline !== undefined) return { js: this.temp(kernel.inline(...args)) }
    const v = this.temp(`${this.functionArg(kernel.fn)}(${args.join(', ')})`)
    if (kernel.partial === true) this.leaveIf(`${v} === undefined`)
    return { js: v }
  }

  private isPresent(arg: Node, t: Type): Val {
    if (t !== Type.Missing) {
      if (arg.node !== 'ref') this.evalAs(arg, t)
      return { js: 'true' }
    }
    // A missing argument is one unless its own text says otherwise; only the plain shapes are decided here.
    const inner = arg.node === 'unary' ? arg.operand : arg
    if (inner.node !== 'ref') throw new Leave(false)
    return { js: 'false' }
  }

  private step(n: CallNode, argTypes: readonly Type[]): Val {
    const x = n.args.length > 0 ? this.evalAs(n.args[0], argTypes[0]).js : '0'
    const count = n.def!.stateSlots!
    this.stepped.set(`${n.scope} ${n.slot}`, [n.scope, n.slot, count])
    this.pure = false
    const fn = this.functionArg(n.def!.step)
    const state = this.stateArray(n.scope)
    return { js: this.temp(`${fn}(${state}, ${this.stateOffset(n.scope, n.slot)}, ${x})`) }
  }
}

export function generate(program: Program, kinds: Uint8Array, mode: Mode): Generated {
  return new Generator(program, kinds).generate(mode)
}
