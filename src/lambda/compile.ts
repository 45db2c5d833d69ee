/**
 * compileLambda: an expression as operators call it. Thread: whichever owns the operator; nothing is shared.
 *
 * A run over rows is cut into stretches of one signature (the kinds of the referenced columns). Per signature an entry says
 * how its rows are served: by a compiled loop once enough rows have been seen, by the interpreter, or not at all when every
 * such row fails with the same text. Entries are bounded; signatures beyond that go to the interpreter.
 */
import type { Chunk, NamedColumn } from '../columns/chunk.js'
import { type Column, setInt64 } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import { nsOf } from '../columns/time.js'
import { Duration, kindOf, missing, Timestamp, type Value } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import type { Pages } from '../state/pages.js'
import type { Lambda } from '../tickscript/node-def.js'
import { generate, type Loop, type LoopEnv, type Mode } from './codegen.js'
import { evaluatePredicate, evaluateProgram, type Scope } from './interpreter.js'
import { type CompiledLambda, type LambdaErrors, type LambdaOptions, Outcome } from './lambda.js'
import { buildProgram, type Program } from './program.js'
import { collision, Resolver } from './resolve.js'
import { fromBytes, writeBytes } from './text.js'
import { Failure, Type } from './types.js'

const maxEntries = 64
/** Rows of a signature that the interpreter serves before compiling pays. */
const compileAfterRows = 48
/** Larger expressions stay with the interpreter. */
const maxCompiledSize = 2000

/** Bytes of the strings of one chunk's results. */
const maxOutputBytes = 1 << 27

const tooMuchText = 'the strings of one chunk of results are too long'

const memoryText = 'no memory left for the state of a lambda function'

/** Knobs for tests: which ways may serve rows. */
export interface LambdaTuning {
  readonly compileAfterRows?: number
  readonly maxEntries?: number
}

interface Way {
  readonly kind: 'loop' | 'interpret' | 'fails'
  readonly loop: Loop | null
  /** 'fails': the text, once a row has shown it. */
  text: string | null
}

class Entry {
  seenRows = 0
  readonly ways: Record<Mode, Way | null> = { test: null, value: null }
  constructor(readonly kinds: Uint8Array) {}
}

const noScope: readonly NamedColumn[] = []
const interpretWay: Way = { kind: 'interpret', loop: null, text: null }

class CompiledExpression implements CompiledLambda, LoopEnv, Scope {
  readonly references: readonly string[]
  readonly stateful: boolean
  readonly shared: boolean
  readonly errors: LambdaErrors = { count: 0, first: '' }

  // What loops read.
  ms: Float64Array = new Float64Array(0)
  readonly f64s: Float64Array[] = []
  readonly i32s: Int32Array[] = []
  readonly bytes: Uint8Array[] = []
  pages: Float64Array[] = []
  shift = 0
  mask = 0
  base = 0
  readonly nested: Float64Array[]
  outKinds: Uint8Array = new Uint8Array(0)
  outF64: Float64Array = new Float64Array(0)
  outI32: Int32Array = new Int32Array(0)
  ok: Uint8Array = new Uint8Array(0)
  outcomes: Uint8Array = new Uint8Array(0)
  groups: Int32Array | null = null

  // What the interpreter reads.
  readonly states: Float64Array[]
  readonly offsets: number[]
  readonly names: readonly string[]

  private readonly resolver: Resolver
  private readonly entries = new Map<number | string, Entry>()
  private readonly state: Pages<Float64Array> | null
  private readonly strings = new WeakMap<Column, Uint8Array<ArrayBuffer>>()
  private readonly oneRow = new Int32Array(1)
  private readonly oneOutcome = new Uint8Array(1)
  private readonly ends: Int32Array
  private readonly kinds: Uint8Array
  private mode: Mode = 'test'
  private chunk: Chunk | null = null
  private row = 0
  private out: Column | null = null
  private outUsed = 0
  private outBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)

  constructor(
    private readonly program: Program,
    private readonly options: LambdaOptions,
    private readonly tuning: Required<LambdaTuning>,
  ) {
    this.references = program.references
    this.names = options.scopeNames ?? (program.usesTime ? [...program.references, 'time'] : program.references)
    this.stateful = program.slots[0] > 0
    this.shared = program.slots.some((n, scope) => scope > 0 && n > 0)
    this.resolver = new Resolver(program.references)
    this.ends = new Int32Array(program.references.length)
    this.kinds = new Uint8Array(program.references.length)
    this.nested = program.slots.map((n, scope) => new Float64Array(scope === 0 ? 0 : n))
    this.states = this.nested.slice()
    this.offsets = program.slots.map(() => 0)
    this.state = this.stateful ? options.state.f64(program.slots[0]) : null
    if (this.state !== null) {
      this.pages = this.state.pages
      this.shift = this.state.shift
      this.mask = this.state.mask
    }
  }

  test(chunk: Chunk, rows: Int32Array | null, n: number, groups: Int32Array | null, out: Uint8Array): void {
    this.base = 0
    this.groups = groups
    this.outcomes = out
    this.start('test', chunk, rows, n, noScope)
    this.run(rows, n)
  }

  testRow(chunk: Chunk, row: number, state: number): number {
    this.oneRow[0] = row
    this.base = state
    this.groups = null
    this.outcomes = this.oneOutcome
    this.start('test', chunk, this.oneRow, 1, noScope)
    this.run(this.oneRow, 1)
    return this.oneOutcome[0]
  }

  evaluate(chunk: Chunk, groups: Int32Array | null, scope: readonly NamedColumn[], out: Column, ok: Uint8Array): void {
    const { n } = chunk
    this.base = 0
    this.groups = groups
    this.out = out
    this.outKinds = out.kinds
    this.outF64 = out.f64
    this.outI32 = out.i32
    this.ok = ok
    this.outUsed = 0
    this.outBytes = this.strings.get(out) ?? new Uint8Array(0)
    this.start('value', chunk, null, n, scope)
    this.run(null, n)
    if (this.outBytes.length > 0) out.bytes = this.outBytes
    this.out = null
  }

  evaluateBoxed(lookup: (name: string) => Value, state: number): Value {
    const values = this.references.map(lookup)
    const time = this.program.usesTime ? lookup('time') : missing
    this.selectState(state)
    try {
      return evaluateProgram(this.program.root, {
        type: (index) => kindOf(values[index]) as Type,
        value: (index) => values[index],
        timeNs: () => (time instanceof Timestamp ? time.ns : 0n),
        nowNs: this.options.nowNs,
        states: this.states,
        offsets: this.offsets,
        names: this.names,
      })
    } catch (err) {
      if (err instanceof Failure) throw new Error(err.text)
      throw err
    }
  }

  dropState(state: number): void {
    if (this.state?.has(state)) this.state.clear(state)
  }

  dispose(): void {
    this.state?.release()
    this.entries.clear()
  }

  private start(mode: Mode, chunk: Chunk, rows: Int32Array | null, n: number, scope: readonly NamedColumn[]): void {
    this.mode = mode
    this.chunk = chunk
    this.errors.count = 0
    this.errors.first = ''
    this.ms = chunk.ms
    this.resolver.bind(chunk, rows, n, scope)
    const { columns } = this.resolver
    for (let j = 0; j < columns.length; j++) {
      const c = columns[j]
      if (c === null) continue
      this.f64s[j] = c.f64
      this.i32s[j] = c.i32
      this.bytes[j] = c.bytes
    }
    this.ends.fill(0)
  }

  /** Cuts rows 0 … n into stretches of one signature and serves each. */
  private run(rows: Int32Array | null, n: number): void {
    let from = 0
    while (from < n) {
      const to = this.stretch(rows, from, n)
      const entry = this.entryOf()
      const way = this.wayOf(entry, to - from)
      if (way.kind === 'loop') way.loop!(this, rows, from, to)
      else if (way.kind === 'fails' && way.text !== null) this.failAll(way.text, rows, from, to)
      else {
        for (let i = from; i < to; i++) this.slow(i, rows === null ? i : rows[i])
        if (way.kind === 'fails') way.text = this.lastText
      }
      from = to
    }
  }

  private lastText = ''

  /** The end of the stretch of rows from `from` whose kinds are all alike; leaves the kinds in `kinds`. */
  private stretch(rows: Int32Array | null, from: number, n: number): number {
    const { columns } = this.resolver
    let end = n
    for (let j = 0; j < columns.length; j++) {
      const c = columns[j]
      if (c === null) {
        this.kinds[j] = 0
        continue
      }
      const kind = c.kinds[rows === null ? from : rows[from]]
      this.kinds[j] = kind
      if (this.ends[j] <= from) {
        let i = from + 1
        const { kinds } = c
        if (rows === null) while (i < n && kinds[i] === kind) i++
        else while (i < n && kinds[rows[i]] === kind) i++
        this.ends[j] = i
      }
      if (this.ends[j] < end) end = this.ends[j]
    }
    return end
  }

  private entryOf(): Entry | null {
    const key = signatureKey(this.kinds)
    let entry = this.entries.get(key)
    if (entry === undefined) {
      if (this.entries.size >= this.tuning.maxEntries) return null
      entry = new Entry(this.kinds.slice())
      this.entries.set(key, entry)
    }
    return entry
  }

  private wayOf(entry: Entry | null, rows: number): Way {
    if (entry === null) return interpretWay
    const known = entry.ways[this.mode]
    if (known !== null) return known
    entry.seenRows += rows
    if (entry.seenRows < this.tuning.compileAfterRows) return interpretWay
    const way = this.makeWay(entry.kinds)
    entry.ways[this.mode] = way
    return way
  }

  private makeWay(kinds: Uint8Array): Way {
    if (kinds.includes(collision)) return { kind: 'fails', loop: null, text: null }
    if (this.program.size > maxCompiledSize) return interpretWay
    const made = generate(this.program, kinds, this.mode)
    return { kind: made.kind, loop: made.kind === 'loop' ? made.bind() : null, text: null }
  }

  private failAll(text: string, rows: Int32Array | null, from: number, to: number): void {
    const { errors } = this
    if (errors.count === 0) errors.first = text
    errors.count += to - from
    if (this.mode === 'test') this.outcomes.fill(Outcome.Error, from, to)
    else {
      for (let i = from; i < to; i++) {
        const r = rows === null ? i : rows[i]
        this.ok[r] = 0
        this.outKinds[r] = 0
      }
    }
  }

  /** One row through the interpreter. */
  slow(i: number, row: number): void {
    this.row = row
    try {
      this.checkCollisions(row)
      this.selectState(this.groups === null ? this.base : this.groups[row])
      if (this.mode === 'test') {
        this.outcomes[i] = evaluatePredicate(this.program.root, this) ? Outcome.True : Outcome.False
      } else {
        this.store(row, evaluateProgram(this.program.root, this))
        this.ok[row] = 1
      }
    } catch (err) {
      if (!(err instanceof Failure)) throw err
      this.lastText = err.text
      if (this.errors.count === 0) this.errors.first = err.text
      this.errors.count++
      if (this.mode === 'test') this.outcomes[i] = Outcome.Error
      else {
        this.ok[row] = 0
        this.outKinds[row] = 0
      }
    }
  }

  private checkCollisions(row: number): void {
    const { columns } = this.resolver
    for (let j = 0; j < columns.length; j++) {
      const c = columns[j]
      if (c !== null && c.kinds[row] === collision) {
        throw new Failure(`cannot have field and tags with same name ${goQuote(this.references[j])}`)
      }
    }
  }

  private selectState(state: number): void {
    if (this.state === null) return
    const page = this.page(state)
    if (page === null) throw new Failure(memoryText)
    this.states[0] = page
    this.offsets[0] = (state & this.mask) * this.program.slots[0]
  }

  page(state: number): Float64Array | null {
    return this.state!.ensure(state) ? this.state!.pages[state >> this.shift] : null
  }

  private store(row: number, v: Value): void {
    const out = this.out!
    const kind = kindOf(v)
    out.kinds[row] = kind
    if (typeof v === 'number') out.f64[row] = v
    else if (typeof v === 'bigint') setInt64(out.i32, row, v)
    else if (typeof v === 'boolean') out.i32[2 * row] = v ? 1 : 0
    else if (typeof v === 'string') {
      if (!this.appendText(row, v)) throw new Failure(tooMuchText)
    } else if (v instanceof Duration) setInt64(out.i32, row, v.ns)
  }

  appendText(row: number, s: string): boolean {
    if (!this.reserve(s.length * 3)) return false
    const end = writeBytes(s, this.outBytes, this.outUsed)
    this.outI32[2 * row] = this.outUsed
    this.outI32[2 * row + 1] = end - this.outUsed
    this.outUsed = end
    return true
  }

  appendBytes(row: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.reserve(length)) return false
    const to = this.outBytes
    const at = this.outUsed
    for (let i = 0; i < length; i++) to[at + i] = bytes[offset + i]
    this.outI32[2 * row] = at
    this.outI32[2 * row + 1] = length
    this.outUsed = at + length
    return true
  }

  /** The buffer belongs to the output column, whatever the column's `bytes` pointed to before. */
  private reserve(more: number): boolean {
    if (this.outUsed + more <= this.outBytes.length) return true
    if (this.outUsed + more > maxOutputBytes) return false
    const grown = new Uint8Array(Math.max(1024, this.outBytes.length * 2, this.outUsed + more))
    grown.set(this.outBytes.subarray(0, this.outUsed))
    this.outBytes = grown
    this.strings.set(this.out!, grown)
    return true
  }

  // The interpreter's questions about the current row.

  type(index: number): Type {
    const c = this.resolver.columns[index]
    return c === null ? Type.Missing : (c.kinds[this.row] as Type)
  }

  value(index: number): Value {
    const c = this.resolver.columns[index]
    if (c === null) return missing
    const r = this.row
    // Not get(): invalid bytes must survive.
    return c.kinds[r] === Kind.String ? fromBytes(c.bytes, c.i32[2 * r], c.i32[2 * r + 1]) : c.get(r)
  }

  timeNs(): bigint {
    return nsOf(this.chunk!.ms[this.row], this.chunk!.sub[this.row])
  }

  nowNs(): bigint {
    return this.options.nowNs()
  }
}

/** Kinds have four bits: twelve fit a double exactly. */
function signatureKey(kinds: Uint8Array): number | string {
  if (kinds.length > 12) return String.fromCharCode(...kinds)
  let key = 0
  for (let j = 0; j < kinds.length; j++) key = key * 16 + kinds[j]
  return key
}

/** Throws ShardlineError with the text of enable time, prefixed. */
export function compileLambda(lambda: Lambda, options: LambdaOptions, tuning: LambdaTuning = {}): CompiledLambda {
  let program: Program
  try {
    program = buildProgram(lambda.expression)
  } catch (err) {
    if (err instanceof Failure) throw new ShardlineError('lambda-compile', options.errorPrefix + err.text)
    throw err
  }
  return new CompiledExpression(program, options, {
    compileAfterRows: tuning.compileAfterRows ?? compileAfterRows,
    maxEntries: tuning.maxEntries ?? maxEntries,
  })
}
