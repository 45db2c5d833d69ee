/**
 * `eval`: computes fields and tags. Thread: shard worker.
 *
 * One scope per row serves all expressions (spec nodes 4.4): before expression i its names are filled from the original row,
 * which overwrites an earlier result of that name. So a result survives only where no later expression that reads its name
 * meets a field or tag of that name in the row. Here the lambda engine resolves names in that order, and the overwriting is
 * done at the end, column by column.
 *
 * A row that fails in one expression is not evaluated by the next: failures compact the chunk on the way.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import { type Column, setInt64 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { nsOf } from '../../columns/time.js'
import { ShardlineError } from '../../errors.js'
import { compileLambda } from '../../lambda/compile.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Lambda, type NodeDef } from '../../tickscript/node-def.js'
import { CellReader, clearedColumn } from '../kit/cells.js'
import { listOf, stringsOf } from '../kit/dimensions.js'
import { GroupCensus } from '../kit/group-census.js'
import { GroupHold } from '../kit/group-hold.js'
import { type LambdaFacts, lambdaFacts } from '../kit/lambda-facts.js'
import { gatherColumn, RowGroups, RowSelector } from '../kit/select-rows.js'
import { regroupedByTags, TagWritingOperator } from '../kit/tag-writing.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { lambdaState } from './where.js'

export const evalDef: NodeDef = {
  method: 'eval',
  kind: 'eval',
  goType: 'EvalNode',
  doc: 'Computes fields from expressions. Without keep() the results replace all other fields; tags stay.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'lambdas', type: 'lambda', variadic: true }],
  properties: [
    {
      name: 'as',
      doc: 'The names of the results, one per expression.',
      form: 'method',
      args: [{ name: 'names', type: 'string', variadic: true }],
      apply(node, args) {
        node.props.as = args
      },
    },
    {
      name: 'tags',
      doc: 'Results that become tags; they must be strings.',
      form: 'method',
      args: [{ name: 'names', type: 'string', variadic: true }],
      apply(node, args) {
        node.props.tags = args
      },
    },
    {
      name: 'keep',
      doc: 'Keeps all fields beside the results, or exactly the named fields and results.',
      form: 'method',
      args: [{ name: 'names', type: 'string', variadic: true }],
      apply(node, args) {
        node.props.keep = args
      },
    },
  ],
  construct(node, args) {
    node.props.lambdas = args
  },
  validate(node) {
    const as = stringsOf(node.props.as)
    const count = listOf(node.props.lambdas).length
    if (as.length !== count) {
      throw new ShardlineError(
        'eval-names',
        `must specify same number of expressions and .as() names: got ${as.length} as names, and ${count} expressions.`,
      )
    }
    for (const tag of stringsOf(node.props.tags)) {
      if (!as.includes(tag))
        throw new ShardlineError('eval-tag', `invalid tag name "${tag}", name is not present is .as() names`)
    }
  },
  effects(node) {
    const lambdas = listOf(node.props.lambdas)
    const facts = lambdaFacts(lambdas)
    const as = stringsOf(node.props.as)
    const tags = stringsOf(node.props.tags)
    const keep = node.props.keep
    const kept = stringsOf(keep)
    const keepsAll = Array.isArray(keep) && kept.length === 0
    return {
      reads: [...new Set([...facts.references, ...kept.filter((k) => !as.includes(k))])],
      keepsFields: keepsAll ? undefined : kept.filter((k) => !as.includes(k)),
      makesFields: as.flatMap((name, i) => {
        const lambda = lambdas[i]
        const isField = keepsAll || (kept.length === 0 ? !tags.includes(name) : kept.includes(name))
        return isField && lambda instanceof Lambda ? [[name, lambda] as const] : []
      }),
      writesTags: tags,
      grouping: node.edge === 'batch' ? undefined : regroupedByTags(node, tags),
      ...lambdaState(facts),
    }
  },
}

/** A name that the scope holds at the end: where its value comes from. */
interface ScopeName {
  readonly name: string
  /** The last expression of this name, or -1. */
  readonly result: number
  /** The original row's cell overwrites the result. */
  readonly refilled: boolean
}

export class EvalOperator extends TagWritingOperator {
  private readonly lambdas: CompiledLambda[] = []
  private readonly as: readonly string[]
  private readonly tags: readonly string[]
  private readonly keepAll: boolean
  private readonly keepList: readonly string[] | null
  private readonly scope = new Map<string, ScopeName>()
  private readonly results: OutColumn[] = []
  private readonly finals = new Map<string, OutColumn>()
  private readonly spare: OutColumn[] = []
  private readonly ok: Uint8Array[] = []
  private keep = new Uint8Array(0)
  private readonly selector = new RowSelector()
  private readonly rowGroups = new RowGroups()
  private readonly cells = new CellReader()
  private readonly hold: GroupHold
  private readonly census: GroupCensus
  private readonly quiet: boolean
  private readonly stateful: boolean

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx, stringsOf(planned.node.props.tags), 'set')
    const { props } = planned.node
    this.as = stringsOf(props.as)
    this.tags = stringsOf(props.tags)
    this.quiet = planned.node.quiet
    this.keepList = Array.isArray(props.keep) && props.keep.length > 0 ? stringsOf(props.keep) : null
    this.keepAll = Array.isArray(props.keep) && props.keep.length === 0
    this.hold = new GroupHold(ctx.state)
    this.census = new GroupCensus(ctx)
    const facts: LambdaFacts[] = []
    const all = lambdaFacts(listOf(props.lambdas))
    const scopeNames = all.time ? [...all.references, 'time'] : all.references
    for (const l of listOf(props.lambdas)) {
      if (!(l instanceof Lambda)) continue
      const options = {
        errorPrefix: `Failed to compile ${this.lambdas.length} expression: `,
        state: ctx.state,
        nowNs: ctx.nowNs,
        scopeNames,
      }
      this.lambdas.push(compileLambda(l, options))
      facts.push(lambdaFacts([l]))
      this.results.push(new OutColumn('', 256))
      this.ok.push(new Uint8Array(0))
    }
    this.stateful = this.lambdas.some((l) => l.stateful)
    this.readScope(facts)
  }

  receive(input: Chunk): void {
    this.census.see(input)
    const chunk = this.evaluate(input)
    if (chunk === null) return
    const out = chunk.derive()
    this.cells.begin()
    this.finals.clear()
    let failed = this.checkTags(chunk)
    if (this.keepList !== null) {
      if (this.keepColumns(chunk, this.keepList, out)) failed = true
    } else if (this.keepAll) {
      for (const name of this.as) out.setField(name, this.finalColumn(chunk, name))
    } else {
      out.fields = []
      out.restFields = false
      for (const name of this.as) if (!this.tags.includes(name)) out.setField(name, this.finalColumn(chunk, name))
    }
    for (const name of this.tags) out.setTag(name, this.finalColumn(chunk, name))
    const rows = failed ? this.selector.keep(out, this.keep) : out
    if (rows !== null) this.emitRows(rows)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    this.census.seeOne(grouping, group)
    super.barrier(grouping, group, ms, sub, port)
  }

  override deleteGroup(grouping: GroupInfo, group: number, port: number): void {
    this.evictGroup(grouping, group)
    super.deleteGroup(grouping, group, port)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.census.forget(grouping, group)
    if (this.hold.release(grouping, group)) for (const l of this.lambdas) l.dropState(group)
  }

  override dispose(): void {
    this.hold.dispose()
    this.census.dispose()
    for (const l of this.lambdas) l.dispose()
    super.dispose()
  }

  private readScope(facts: readonly LambdaFacts[]): void {
    for (const name of new Set(this.as)) {
      const result = this.as.lastIndexOf(name)
      const refilled = facts.some((f, i) => i > result && f.references.includes(name))
      this.scope.set(name, { name, result, refilled })
    }
    for (const f of facts) {
      for (const name of f.references) {
        if (!this.scope.has(name)) this.scope.set(name, { name, result: -1, refilled: true })
      }
      if (f.time && !this.scope.has('time')) this.scope.set('time', { name: 'time', result: -1, refilled: true })
    }
  }

  /** Evaluates all expressions; the rows that failed are gone from the answer. Results are at its row numbers. */
  private evaluate(input: Chunk): Chunk | null {
    let chunk = input
    for (let i = 0; i < this.lambdas.length; i++) {
      const n = chunk.n
      if (this.ok[i].length < n) this.ok[i] = new Uint8Array(Math.max(n, maxChunkRows))
      const out = clearedColumn(this.results[i], n).column
      const groups = this.lambdas[i].stateful ? this.rowGroups.of(chunk) : null
      if (groups !== null && this.stateful) this.hold.holdAll(chunk.grouping, groups, n)
      const scope = this.earlierResults(i)
      this.lambdas[i].evaluate(chunk, groups, scope, out, this.ok[i])
      const { count, first } = this.lambdas[i].errors
      if (count === 0) continue
      this.fail(first, count)
      const rest = this.selector.keep(chunk, this.ok[i])
      if (rest === null) return null
      for (let j = 0; j <= i; j++) {
        const column = this.results[j].column
        gatherColumn(column, this.selector.rows, rest.n, column)
      }
      chunk = rest
    }
    return chunk
  }

  private earlierResults(count: number): { name: string; column: Column }[] {
    const scope: { name: string; column: Column }[] = []
    for (let j = 0; j < count; j++) scope.push({ name: this.as[j], column: this.results[j].column })
    return scope
  }

  private fail(text: string, n: number): void {
    if (!this.quiet) this.ctx.error('error evaluating expression', text, n)
    this.ctx.dropped('error', n)
  }

  /** Marks the rows to keep; true when some row failed. */
  private checkTags(chunk: Chunk): boolean {
    const n = chunk.n
    if (this.tags.length === 0 && this.keepList === null) return false
    if (this.keep.length < n) this.keep = new Uint8Array(Math.max(n, maxChunkRows))
    this.keep.fill(1, 0, n)
    let failed = false
    for (const name of this.tags) {
      const { kinds } = this.finalColumn(chunk, name)
      for (let r = 0; r < n; r++) {
        if (kinds[r] === Kind.String || this.keep[r] === 0) continue
        this.keep[r] = 0
        failed = true
        this.fail(`result of a tag expression must be of type string, got ${goKinds[kinds[r]]}`, 1)
      }
    }
    return failed
  }

  /** The columns of keep(list). Clears `keep` where a name is neither in the scope nor a field; true when that happened. */
  private keepColumns(chunk: Chunk, list: readonly string[], out: Chunk): boolean {
    let failed = false
    out.fields = []
    out.restFields = false
    for (const name of list) {
      const column = this.scope.has(name) ? this.finalColumn(chunk, name) : this.cells.field(chunk, name)
      if (column !== null) out.setField(name, column)
      if (this.scope.has(name)) continue
      for (let r = 0; r < chunk.n; r++) {
        if (this.keep[r] === 0 || (column !== null && column.kinds[r] !== Kind.Missing)) continue
        this.keep[r] = 0
        failed = true
        this.fail(`cannot keep field "${name}", field does not exist`, 1)
      }
    }
    return failed
  }

  /** What the scope holds under a name once all expressions have run. */
  private finalColumn(chunk: Chunk, name: string): Column {
    const s = this.scope.get(name)!
    const result = s.result < 0 ? null : this.results[s.result].column
    if (result !== null && !s.refilled) return result
    const done = this.finals.get(name)
    if (done !== undefined) return done.column
    const field = name === 'time' ? null : this.cells.field(chunk, name)
    const tag = name === 'time' ? null : this.cells.tag(chunk, name)
    if (result !== null && field === null && tag === null && name !== 'time') return result
    const out = clearedColumn(this.takeFinal(), chunk.n)
    out.column.markers = false
    for (let r = 0; r < chunk.n; r++) {
      if (name === 'time') {
        out.setKind(r, Kind.Time)
        setInt64(out.column.i32, r, nsOf(chunk.ms[r], chunk.sub[r]))
      } else if (field !== null && field.kinds[r] !== Kind.Missing) out.copy(r, field, r)
      else if (tag !== null && tag.kinds[r] !== Kind.Missing) out.copy(r, tag, r)
      else if (result !== null) out.copy(r, result, r)
      else {
        out.setWords(r, Kind.Missing, 1, 0)
        out.column.markers = true
      }
    }
    this.finals.set(name, out)
    return out.column
  }

  private takeFinal(): OutColumn {
    if (this.finals.size === this.spare.length) this.spare.push(new OutColumn('', 256))
    return this.spare[this.finals.size]
  }
}

/** Go types by kind, as error texts print them. */
const goKinds = [
  '*ast.Missing',
  'int64',
  'float64',
  'string',
  'bool',
  'time.Duration',
  'time.Time',
  '<nil>',
  '*ast.Missing',
]

export const evalEntry: OperatorEntry = { def: evalDef, create: (planned, ctx) => new EvalOperator(planned, ctx) }
