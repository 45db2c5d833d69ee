/**
 * `combine`: combines the points of a group that have the same rounded time with each other (spec nodes 4.14).
 * Thread: shard worker.
 *
 * Every expression is evaluated once on every point of a set; then all choices of as many points as there are
 * expressions are tried in order of arrival. In each, an expression takes the first point that it matches and that is
 * left. More choices than `.max()` end the task.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { encodeUtf8 } from '../../columns/column.js'
import { PackedRows } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import { TaskFailure } from '../../errors.js'
import { compileLambda } from '../../lambda/compile.js'
import { type CompiledLambda, Outcome } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Lambda, type NodeDef } from '../../tickscript/node-def.js'
import { listOf } from '../kit/dimensions.js'
import { lambdaFacts } from '../kit/lambda-facts.js'
import { layoutOf } from '../kit/row-store.js'
import { RowGroups } from '../kit/select-rows.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { PackedOutput } from './merge-output.js'
import { addName, addValue, nameIs, PackedReader } from './merge-packed.js'
import { CollectingOperator } from './merge-pending.js'
import { checkPrefixes, prefixesOf, prefixProperties } from './merge-prefixes.js'

export const combineDef: NodeDef = {
  method: 'combine',
  kind: 'combine',
  goType: 'CombineNode',
  doc: 'Combines the points of a group that have the same time with each other, one point per expression.',
  accepts: 'any',
  emits: 'stream',
  args: [{ name: 'expressions', type: 'lambda', variadic: true }],
  properties: [
    ...prefixProperties,
    {
      name: 'max',
      doc: 'Most combinations of one time; more end the task.',
      form: 'field',
      args: [{ name: 'max', type: 'int' }],
      default: 1_000_000n,
    },
  ],
  validate(node) {
    const expressions = listOf(node.props.expressions).length
    checkPrefixes(node, expressions, 'combine expressions', String(node.props.delimiter))
  },
  effects(node) {
    const facts = lambdaFacts(listOf(node.props.expressions))
    return {
      reads: facts.references,
      wholeFields: true,
      wholeTags: true,
      fieldsFrom: () => [],
      namesFromData: true,
      stateful: true,
      pinned: facts.shared ? 'shares the state of a nested expression between all groups' : undefined,
    }
  },
  counters: ['evicted_rows'],
}

/** Choices of k out of n things. */
export function choices(n: number, k: number): bigint {
  if (k > n) return 0n
  let total = 1n
  for (let i = 1; i <= k; i++) total = (total * BigInt(n - k + i)) / BigInt(i)
  return total
}

export class CombineOperator extends CollectingOperator {
  private readonly lambdas: readonly CompiledLambda[]
  private readonly max: bigint
  private readonly prefixes: readonly Uint8Array[]
  private readonly output: PackedOutput
  /** Per expression the outcome of each row. */
  private readonly outcomes: Uint8Array[]
  private readonly rowGroups = new RowGroups()
  /** The rows of a choice, and the one that each expression took. */
  private readonly chosen: Int32Array
  private readonly taken: Int32Array
  private readonly reader = new PackedReader()
  private readonly tags = new RowScratch()
  private readonly row = new RowScratch()
  private readonly nodeName: string
  /** The names of a group's tags, and their bytes. */
  private dims: { names: readonly string[]; bytes: readonly Uint8Array[] } = { names: [], bytes: [] }

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    const { node } = planned
    const expressions = listOf(node.props.expressions).filter((e): e is Lambda => e instanceof Lambda)
    const { references } = lambdaFacts(expressions)
    super(planned, ctx, {
      fields: references,
      tags: references,
      dims: [],
      rest: { fields: true, tags: true, skipFields: [], skipTags: [] },
    })
    this.nodeName = node.name
    this.lambdas = expressions.map((e, i) =>
      compileLambda(e, {
        errorPrefix: `Failed to compile ${i} expression: `,
        state: ctx.state,
        nowNs: ctx.nowNs,
      }),
    )
    this.max = typeof node.props.max === 'bigint' ? node.props.max : 1_000_000n
    this.prefixes = prefixesOf(node).map(encodeUtf8)
    this.outcomes = expressions.map(() => new Uint8Array(0))
    this.chosen = new Int32Array(expressions.length)
    this.taken = new Int32Array(expressions.length)
    this.output = new PackedOutput(layoutOf(planned), { batch: false, tags: true }, (c) => this.emit(c))
  }

  override deleteGroup(grouping: GroupInfo, group: number, port: number): void {
    this.dropState(grouping, group)
    super.deleteGroup(grouping, group, port)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.dropState(grouping, group)
    super.evictGroup(grouping, group)
  }

  override dispose(): void {
    for (const l of this.lambdas) l.dispose()
    super.dispose()
  }

  protected override beginBatch(): void {}

  protected override endBatch(): void {}

  protected override flush(): void {
    this.output.out.flush()
  }

  protected override useSets(sets: Chunk): void {
    const { windows, rest } = sets
    if (windows === null || !(rest instanceof PackedRows)) throw new TypeError('sets come packed')
    this.evaluate(sets)
    this.output.out.begin(sets.name, '', '', sets.grouping)
    for (let w = 0; w < windows.n; w++) {
      const from = windows.starts[w]
      const n = windows.ends[w] - from
      const total = choices(n, this.lambdas.length)
      if (total > this.max) {
        this.flush()
        const text = `total combinations ${total} exceeds max combinations ${this.max}`
        throw new TaskFailure(this.nodeName, `refusing to perform combination as ${text}`)
      }
      if (total > 0n) this.combine(sets, rest, w, from, n)
    }
  }

  private dropState(grouping: GroupInfo, group: number): void {
    if (this.knows(grouping, group)) for (const l of this.lambdas) l.dropState(group)
  }

  private evaluate(sets: Chunk): void {
    const groups = this.rowGroups.of(sets)
    for (let i = 0; i < this.lambdas.length; i++) {
      const lambda = this.lambdas[i]
      if (this.outcomes[i].length < sets.n) this.outcomes[i] = new Uint8Array(Math.max(sets.n, 1024))
      lambda.test(sets, null, sets.n, groups, this.outcomes[i])
      const { count, first } = lambda.errors
      if (count > 0) this.ctx.error('error evaluating lambda expression', first, count)
    }
  }

  /** All choices of rows from … from + n in lexicographic order. */
  private combine(sets: Chunk, rest: PackedRows, w: number, from: number, n: number): void {
    const { chosen } = this
    const k = chosen.length
    for (let i = 0; i < k; i++) chosen[i] = from + i
    for (;;) {
      if (this.assign()) this.emitChoice(sets, rest, w)
      let i = k - 1
      while (i >= 0 && chosen[i] === from + n - k + i) i--
      if (i < 0) return
      chosen[i]++
      for (let j = i + 1; j < k; j++) chosen[j] = chosen[j - 1] + 1
    }
  }

  /** Each expression takes the first row left that it matches, without going back. */
  private assign(): boolean {
    const { chosen, taken, outcomes } = this
    const k = chosen.length
    for (let i = 0; i < k; i++) {
      let found = -1
      for (let c = 0; c < k && found < 0; c++) {
        if (outcomes[i][chosen[c]] !== Outcome.True) continue
        let free = true
        for (let j = 0; j < i; j++) if (taken[j] === chosen[c]) free = false
        if (free) found = chosen[c]
      }
      if (found < 0) return false
      taken[i] = found
    }
    return true
  }

  private emitChoice(sets: Chunk, rest: PackedRows, w: number): void {
    const { tags, row, reader, taken, prefixes } = this
    const { groups, ms, sub } = sets.windows!
    const group = groups[w]
    const dims = this.dimsOf(sets.grouping, group)
    tags.reset()
    let count = 0
    const values = sets.grouping.tagValues(group)
    for (let d = 0; d < dims.length; d++) {
      if (values[d] === '') continue
      tags.text(dims[d], 0, dims[d].length)
      tags.string(values[d])
      count++
    }
    for (let i = 0; i < taken.length; i++) {
      reader.open(rest.bytes, rest.starts[taken[i]], rest.lengths[taken[i]])
      while (reader.nextTag()) {
        if (dims.some((d) => nameIs(reader, d))) continue
        addName(tags, prefixes[i], prefixes[i].length, reader)
        tags.text(reader.bytes, reader.valueAt, reader.valueEnd - reader.valueAt)
        count++
      }
    }
    row.reset()
    row.varint(count)
    row.raw(tags.bytes, 0, tags.length)
    for (let i = 0; i < taken.length; i++) {
      reader.open(rest.bytes, rest.starts[taken[i]], rest.lengths[taken[i]])
      while (reader.nextField()) {
        addName(row, prefixes[i], prefixes[i].length, reader)
        addValue(row, reader)
      }
    }
    this.output.add(ms[w], sub[w], group, row)
  }

  /** The names of the group's tags; nearly always the same list. */
  private dimsOf(grouping: GroupInfo, group: number): readonly Uint8Array[] {
    const names = grouping.tagNames(group)
    if (names !== this.dims.names) this.dims = { names, bytes: names.map(encodeUtf8) }
    return this.dims.bytes
  }
}

export const combineEntry: OperatorEntry = {
  def: combineDef,
  create: (planned, ctx) => new CombineOperator(planned, ctx),
}
