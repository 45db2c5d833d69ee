/**
 * Runs operators without a shard: paged state under a budget, a manual clock, rows written as text.
 *
 * A row:     `m,h=a v=1,n=2i,s="x",b=true,d=5d @10`    5d: duration of 5 ns; time in seconds, or `@10000000000n` in ns
 * A batch:   feed.batch('m,h=a', 15, ['m,h=a,c=0 v=1 @11', …])
 * Output:    points `m,h=a v=1 @10`; batches `m,h=a {tmax=15 | c=0 v=1@11, …}` (a row's tags without the batch's own)
 */
import { Chunk, type GroupInfo, type RestRows, type Windows } from '../../../src/columns/chunk.js'
import { Column, encodeUtf8, setInt64 } from '../../../src/columns/column.js'
import { Kind } from '../../../src/columns/kinds.js'
import { nsOf, spanOf } from '../../../src/columns/time.js'
import { Duration, missing, Timestamp, type Value } from '../../../src/columns/values.js'
import { Edge, Operator, type OperatorContext } from '../../../src/operators/operator.js'
import type { Needs, PlannedNode } from '../../../src/plan/task-plan.js'
import { Grouping } from '../../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import { type TimerSet, TimerWheel } from '../../../src/state/timer-wheel.js'
import { type NodeDef, PipelineNode, type ScriptValue } from '../../../src/tickscript/node-def.js'
import { fnvOffset, fnvPrime, mixHash } from '../../../src/transport/routes.js'
import type { DropReason } from '../../../src/transport/stat-block.js'

export interface TestRow {
  name: string
  tags: Map<string, string>
  fields: Map<string, Value>
  ns: bigint
}

export interface Sent {
  readonly type: number
  readonly nodeIndex: number
  readonly payload: Uint8Array
}

/** One operator's context and what it reported. */
export class TestContext implements OperatorContext {
  readonly taskId = 'task'
  readonly shard = 0
  readonly shards = 1
  readonly counters = new Map<string, number>()
  readonly errors: { msg: string; err: string; n: number; extra?: Record<string, string> }[] = []
  readonly logs: { level: string; msg: string; keys: Record<string, string> }[] = []
  readonly drops = new Map<DropReason, number>()
  readonly sent: Sent[] = []
  readonly timerSets: TimerSet[] = []
  readonly state: StateAllocator

  constructor(
    private readonly bench: Harness,
    readonly nodeName: string,
    readonly nodeIndex: number,
  ) {
    this.state = new StateAllocator(bench.memory)
  }

  readonly stats = {
    add: (name: string, n: number): void => {
      this.counters.set(name, (this.counters.get(name) ?? 0) + n)
    },
    set: (name: string, v: number): void => {
      this.counters.set(name, v)
    },
  }

  readonly outbox = {
    send: (type: number, nodeIndex: number, payload: Uint8Array): void => {
      this.sent.push({ type, nodeIndex, payload: payload.slice() })
    },
  }

  /** Errors counted so far. */
  get errorCount(): number {
    let n = 0
    for (const e of this.errors) n += e.n
    return n
  }

  closeAfterMs = 0
  readonly nowNs = (): bigint => BigInt(this.now()) * 1_000_000n

  now(): number {
    return this.bench.wheel.nowMs
  }

  timers(onTimer: (group: number, nowMs: number) => void): TimerSet {
    const set = this.bench.wheel.add(this.state, onTimer)
    this.timerSets.push(set)
    return set
  }

  grouping(opts: { byName: boolean; dims?: readonly string[] | null }): Grouping {
    return new Grouping(this.state, opts.dims ?? null, opts.byName)
  }

  error(msg: string, err: string, n = 1, extra?: Record<string, string>): void {
    this.errors.push({ msg, err, n, extra })
  }

  log(level: 'debug' | 'info' | 'error', msg: string, keys: Record<string, string>): void {
    this.logs.push({ level, msg, keys })
  }

  dropped(reason: DropReason, n: number): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + n)
  }
}

export class Harness {
  readonly memory: ShardMemory
  readonly wheel = new TimerWheel()
  private nextNode = 1

  constructor(budgetBytes = 256 * 1024 * 1024) {
    this.memory = new ShardMemory(budgetBytes)
  }

  context(nodeName?: string): TestContext {
    const index = this.nextNode++
    return new TestContext(this, nodeName ?? `node${index}`, index)
  }

  /** Moves the clock: fires timers. */
  advance(nowMs: number): void {
    this.wheel.advance(nowMs)
  }

  feed(options: FeedOptions = {}): Feed {
    return new Feed(this, options)
  }
}

export interface PlanOptions {
  readonly needs?: Needs
  readonly reads?: readonly string[]
  readonly groupedBy?: readonly string[] | '*'
  readonly children?: PlannedNode[]
  readonly edge?: 'stream' | 'batch'
}

/** A planned node with property defaults, `construct(args)` and `props` applied. `parent` sets the type of the input edge. */
export function plan(
  def: NodeDef,
  args: ScriptValue[],
  props: Record<string, ScriptValue | null> = {},
  options: PlanOptions & { parent?: PlannedNode } = {},
): PlannedNode {
  const node = new PipelineNode(def)
  node.id = 2
  if (options.parent !== undefined) {
    node.parents.push(options.parent.node)
    options.parent.node.children.push(node)
  }
  for (const p of def.properties) node.props[p.name] = p.default ?? null
  if (def.construct !== undefined) def.construct(node, args)
  else
    def.args.forEach((a, i) => {
      node.props[a.name] = args[i] ?? null
    })
  for (const [name, v] of Object.entries(props)) {
    const p = def.properties.find((x) => x.name === name)
    if (p?.apply !== undefined) p.apply(node, Array.isArray(v) ? v : v === null ? [] : [v])
    else node.props[name] = v
  }
  const emits = typeof def.emits === 'function' ? def.emits(node) : def.emits
  node.edge = options.edge ?? (emits === 'same' ? (options.parent?.node.edge ?? 'stream') : emits)
  const planned: PlannedNode = {
    node,
    index: 1,
    parents: options.parent === undefined ? [] : [options.parent],
    children: options.children ?? [],
    needs: options.needs ?? { fields: null, tags: null },
    reads: options.reads ?? [],
    groupedBy: options.groupedBy ?? [],
    fusion: 'none',
  }
  options.parent?.children.push(planned)
  return planned
}

/** Connects parent → child; returns the counter of the edge. */
export function connect(parent: Operator, child: Operator, port = 0): { n: number } {
  const counter = { n: 0 }
  parent.edges.push(
    new Edge(child, port, (n) => {
      counter.n += n
    }),
  )
  return counter
}

/** Collects what it receives as text. */
export class Collector extends Operator {
  readonly out: string[] = []

  constructor(harness: Harness) {
    super(harness.context('collector'))
  }

  receive(chunk: Chunk, port: number): void {
    const prefix = port === 0 ? '' : `${port}: `
    if (chunk.windows === null) {
      for (let r = 0; r < chunk.n; r++) this.out.push(prefix + pointText(chunk, r, chunk.groups[r]))
    } else for (let w = 0; w < chunk.windows.n; w++) this.out.push(prefix + batchText(chunk, w))
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    this.out.push(`barrier ${grouping.idText(group)} @${timeText(nsOf(ms, sub))}`)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.out.push(`delete ${grouping.idText(group)}`)
  }

  /** What came since the last call. */
  take(): string[] {
    return this.out.splice(0)
  }
}

export function timeText(ns: bigint): string {
  return ns % 1_000_000_000n === 0n ? String(ns / 1_000_000_000n) : `${ns}n`
}

export function valueText(v: Value): string {
  if (typeof v === 'bigint') return `${v}i`
  if (typeof v === 'string') return JSON.stringify(v)
  if (v instanceof Duration) return `${v.ns}d`
  if (v instanceof Timestamp) return `${v.ns}t`
  return v === missing ? 'missing' : Object.is(v, -0) ? '-0' : String(v)
}

function cellsText(tags: Iterable<[string, string]>, fields: Map<string, Value>): string {
  const t = [...tags].sort(byKey).map(([k, v]) => `${k}=${v}`)
  const f = [...fields].sort(byKey).map(([k, v]) => `${k}=${valueText(v)}`)
  return [t.join(','), f.join(',')].filter((s) => s !== '').join(' ')
}

const byKey = (a: [string, unknown], b: [string, unknown]): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

export function pointText(chunk: Chunk, row: number, group: number): string {
  const p = chunk.point(row, group)
  const tags = [...p.tags].sort(byKey).map(([k, v]) => `,${k}=${v}`)
  const fields = cellsText([], p.fields)
  return `${p.name}${tags.join('')}${fields === '' ? '' : ` ${fields}`} @${timeText(nsOf(p.ms, p.sub))}`
}

export function batchText(chunk: Chunk, w: number): string {
  const x = chunk.windows!
  const g = x.groups[w]
  const names = chunk.grouping.tagNames(g)
  const values = chunk.grouping.tagValues(g)
  const head = chunk.name + names.map((k, i) => `,${k}=${values[i]}`).join('')
  const rows: string[] = []
  for (let r = x.starts[w]; r < x.ends[w]; r++) {
    const p = chunk.point(r, g)
    const tags = [...p.tags].filter(([k, v]) => !names.includes(k) || values[names.indexOf(k)] !== v)
    rows.push(`${cellsText(tags, p.fields)}@${timeText(nsOf(p.ms, p.sub))}`)
  }
  return `${head} {tmax=${timeText(nsOf(x.ms[w], x.sub[w]))} | ${rows.join(', ')}}`
}

export function parseValue(text: string): Value {
  if (text.startsWith('"')) return JSON.parse(text) as string
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null') return null
  if (/^-?\d+i$/.test(text)) return BigInt(text.slice(0, -1))
  if (/^-?\d+d$/.test(text)) return new Duration(BigInt(text.slice(0, -1)))
  if (/^-?\d+t$/.test(text)) return new Timestamp(BigInt(text.slice(0, -1)))
  return Number(text)
}

export function parseTime(text: string): bigint {
  if (text.endsWith('n')) return BigInt(text.slice(0, -1))
  const [whole, frac = ''] = text.split('.')
  const sign = whole.startsWith('-') ? -1n : 1n
  return BigInt(whole) * 1_000_000_000n + sign * BigInt(frac.padEnd(9, '0') || '0')
}

/** Parses one row; no escapes, and no blanks or commas inside strings. */
export function parseRow(line: string): TestRow {
  const [head, ...rest] = line.trim().split(/\s+/)
  const at = rest.find((s) => s.startsWith('@'))
  if (at === undefined) throw new Error(`no time in ${line}`)
  const [name, ...tags] = head.split(',')
  const cells = rest.find((s) => !s.startsWith('@')) ?? ''
  const pair = (s: string): [string, string] => [s.slice(0, s.indexOf('=')), s.slice(s.indexOf('=') + 1)]
  return {
    name,
    tags: new Map(tags.map(pair)),
    fields: new Map(
      cells
        .split(',')
        .filter((s) => s !== '')
        .map((s): [string, Value] => [pair(s)[0], parseValue(pair(s)[1])]),
    ),
    ns: parseTime(at.slice(1)),
  }
}

/** Undecoded cells held as maps. */
class MapRest implements RestRows {
  constructor(private readonly rows: readonly TestRow[]) {}

  readTags(row: number, into: Map<string, string>): void {
    for (const [k, v] of this.rows[row].tags) if (!into.has(k)) into.set(k, v)
  }

  readFields(row: number, into: Map<string, Value>): void {
    for (const [k, v] of this.rows[row].fields) if (!into.has(k)) into.set(k, v)
  }
}

/** A column of boxed values (tags: strings). */
export function columnOf(values: readonly Value[]): Column {
  const c = Column.alloc(Math.max(1, values.length))
  const parts: Uint8Array[] = []
  let used = 0
  values.forEach((v, r) => {
    if (v === missing) return
    if (typeof v === 'bigint' || v instanceof Duration || v instanceof Timestamp) {
      setInt64(c.i32, r, typeof v === 'bigint' ? v : v.ns)
      c.kinds[r] = typeof v === 'bigint' ? Kind.Int : v instanceof Duration ? Kind.Duration : Kind.Time
    } else if (typeof v === 'number') {
      c.f64[r] = v
      c.kinds[r] = Kind.Float
    } else if (typeof v === 'boolean') {
      c.i32[2 * r] = v ? 1 : 0
      c.kinds[r] = Kind.Bool
    } else if (v === null) c.kinds[r] = Kind.Null
    else {
      const b = encodeUtf8(v)
      parts.push(b)
      c.i32[2 * r] = used
      c.i32[2 * r + 1] = b.length
      c.kinds[r] = Kind.String
      used += b.length
    }
  })
  c.bytes = Buffer.concat(parts)
  return c
}

export interface FeedOptions {
  /** Grouping tags; null = `*`. Default: ungrouped. */
  readonly dims?: readonly string[] | null
  readonly byName?: boolean
  /** Names encoded as columns, each as a tag and as a field. The other cells are in `rest`. Default: every name of the rows. */
  readonly reads?: readonly string[]
  /** No `rest`: only the columns. */
  readonly columnsOnly?: boolean
  readonly rowsPerChunk?: number
}

/** Makes chunks of text rows, as a `from` would, and gives them to an operator. */
export class Feed {
  readonly grouping: Grouping
  private readonly key = new Uint8Array(4096)

  constructor(
    private readonly harness: Harness,
    private readonly options: FeedOptions,
  ) {
    const dims = options.dims === null ? null : [...(options.dims ?? [])].sort()
    this.grouping = new Grouping(new StateAllocator(harness.memory), dims, options.byName === true)
  }

  /** Stream rows, in chunks of one measurement each. */
  rows(op: Operator, lines: readonly string[], port = 0): void {
    const max = this.options.rowsPerChunk ?? 1024
    let run: TestRow[] = []
    for (const line of lines) {
      const row = parseRow(line)
      if (run.length > 0 && (run[0].name !== row.name || run.length >= max)) {
        op.receive(this.chunk(run), port)
        run = []
      }
      run.push(row)
    }
    if (run.length > 0) op.receive(this.chunk(run), port)
  }

  /** One batch. `head` is `name,tag=value…`: the group. */
  batch(op: Operator, head: string, tmax: number | string, lines: readonly string[], port = 0): void {
    op.receive(this.batchChunk([{ head, tmax, lines }]), port)
  }

  /** Several batches of one name in one chunk. */
  batchChunk(batches: readonly { head: string; tmax: number | string; lines: readonly string[] }[]): Chunk {
    const rows: TestRow[] = []
    const n = batches.length
    const w: Windows = {
      n,
      groups: new Int32Array(n),
      ms: new Float64Array(n),
      sub: new Int32Array(n),
      starts: new Int32Array(n),
      ends: new Int32Array(n),
    }
    const groups: number[] = []
    batches.forEach(({ head, tmax, lines }, i) => {
      const t = spanOf(parseTime(String(tmax)))
      w.groups[i] = this.group(parseRow(`${head} @0`))
      w.ms[i] = t.ms
      w.sub[i] = t.sub
      w.starts[i] = rows.length
      for (const line of lines) {
        rows.push(parseRow(line))
        groups.push(-1)
      }
      w.ends[i] = rows.length
    })
    const chunk = this.chunk(rows, groups)
    chunk.name = parseRow(`${batches[0].head} @0`).name
    chunk.db = ''
    chunk.rp = ''
    chunk.windows = w
    return chunk
  }

  barrier(op: Operator, head: string, at: number | string, port = 0): void {
    const t = spanOf(parseTime(String(at)))
    op.barrier(this.grouping, this.group(parseRow(`${head} @0`)), t.ms, t.sub, port)
  }

  deleteGroup(op: Operator, head: string, port = 0): void {
    const g = this.group(parseRow(`${head} @0`))
    op.deleteGroup(this.grouping, g, port)
    this.grouping.freeIfUnused(g)
  }

  chunk(rows: readonly TestRow[], groups?: readonly number[]): Chunk {
    const n = rows.length
    const c = new Chunk(this.grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    c.n = n
    c.name = rows[0]?.name ?? ''
    c.db = 'db'
    c.rp = 'rp'
    rows.forEach((row, r) => {
      const t = spanOf(row.ns)
      c.ms[r] = t.ms
      c.sub[r] = t.sub
      c.groups[r] = groups === undefined ? this.group(row) : groups[r]
    })
    const all = (pick: (r: TestRow) => Iterable<string>): string[] => [...new Set(rows.flatMap((r) => [...pick(r)]))]
    for (const name of this.options.reads ?? all((r) => r.fields.keys()))
      c.setField(name, columnOf(rows.map((r) => r.fields.get(name) ?? (r.fields.has(name) ? null : missing))))
    for (const name of this.options.reads ?? all((r) => r.tags.keys()))
      c.setTag(name, columnOf(rows.map((r) => r.tags.get(name) ?? missing)))
    if (this.options.columnsOnly !== true) c.rest = new MapRest(rows)
    return c
  }

  /** The group of a row, created when new. */
  group(row: TestRow): number {
    const dims = this.grouping.dims ?? [...row.tags.keys()].sort()
    let at = 0
    const add = (s: string): void => {
      const b = encodeUtf8(s)
      this.key[at++] = b.length & 255
      this.key[at++] = b.length >> 8
      this.key.set(b, at)
      at += b.length
    }
    if (this.grouping.byName) add(row.name)
    for (const d of dims) {
      if (this.grouping.dims === null) add(d)
      add(row.tags.get(d) ?? '')
    }
    let h = fnvOffset
    for (let i = 0; i < at; i++) h = Math.imul(h ^ this.key[i], fnvPrime)
    const g = this.grouping.lookup(this.key, at, mixHash(h), this.harness.wheel.nowMs)
    if (g < 0) throw new Error('budget refused a group')
    return g
  }
}
