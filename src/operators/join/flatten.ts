/**
 * `flatten`: makes one point of the points of a group that have the same rounded time (spec nodes 4.13). Thread: shard
 * worker.
 *
 * A field is named after the values of the `.on()` tags of its point. As in the original, what a point that lacks a tag
 * has already added to the name stays for the next point of its set; here never beyond the set. A waiting set is
 * also handed on by a barrier later than its time.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { PackedRows } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { stringsOf } from '../kit/dimensions.js'
import { layoutOf } from '../kit/row-store.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { PackedOutput } from './merge-output.js'
import { addName, addValue, PackedReader } from './merge-packed.js'
import { CollectingOperator } from './merge-pending.js'
import { delimiterProperty, namesProperty, toleranceProperty } from './merge-prefixes.js'

export const flattenDef: NodeDef = {
  method: 'flatten',
  kind: 'flatten',
  goType: 'FlattenNode',
  doc: 'Makes one point of the points of a group that have the same time; tag values become part of the field names.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    namesProperty('on', 'Tags whose values become part of the field names.'),
    delimiterProperty('Stands between the parts of a field name.'),
    toleranceProperty,
    {
      name: 'dropOriginalFieldName',
      doc: 'Field names are the tag values alone.',
      form: 'method',
      args: [{ name: 'drop', type: 'bool', variadic: true }],
      apply(node, values) {
        node.props.dropOriginalFieldName = values.length === 0 || values[0] === true
      },
    },
  ],
  effects: (node) => ({
    reads: stringsOf(node.props.on),
    wholeFields: true,
    fieldsFrom: () => [],
    namesFromData: true,
    groupTagsOnly: true,
    stateful: true,
  }),
  counters: ['evicted_rows'],
}

export class FlattenOperator extends CollectingOperator {
  private readonly on: readonly string[]
  private readonly delimiter: Uint8Array
  private readonly dropName: boolean
  private readonly output: PackedOutput
  private readonly prefix = new RowScratch()
  private readonly flat = new RowScratch()
  private readonly reader = new PackedReader()
  private readonly batch: boolean

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    const on = stringsOf(planned.node.props.on)
    super(planned, ctx, {
      fields: [],
      tags: [...new Set(on)],
      dims: [],
      rest: { fields: true, tags: false, skipFields: [], skipTags: [] },
    })
    const { props, edge } = planned.node
    this.on = on
    this.delimiter = encodeUtf8(String(props.delimiter))
    this.dropName = props.dropOriginalFieldName === true
    this.batch = edge === 'batch'
    this.output = new PackedOutput(layoutOf(planned), { batch: this.batch, tags: false }, (c) => this.emit(c))
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    if (!this.batch) this.finishBefore(grouping, group, ms, sub)
    super.barrier(grouping, group, ms, sub, port)
  }

  protected override beginBatch(chunk: Chunk, window: number): void {
    const { groups, ms, sub } = chunk.windows!
    this.output.out.begin(chunk.name, '', '', chunk.grouping)
    this.output.out.beginWindow(groups[window], ms[window], sub[window])
  }

  protected override endBatch(): void {
    this.output.out.endWindow()
  }

  protected override flush(): void {
    this.output.out.flush()
  }

  protected override useSets(sets: Chunk): void {
    const { windows, rest } = sets
    if (windows === null || !(rest instanceof PackedRows)) throw new TypeError('sets come packed')
    const { flat, output } = this
    if (!this.batch) output.out.begin(sets.name, '', '', sets.grouping)
    for (let w = 0; w < windows.n; w++) {
      flat.reset()
      flat.byte(0)
      this.prefix.reset()
      for (let r = windows.starts[w]; r < windows.ends[w]; r++) {
        if (!this.addTags(sets, r)) continue
        this.addFields(rest, r)
        this.prefix.reset()
      }
      if (flat.length === 1 && !this.endsBatch) continue
      output.add(windows.ms[w], windows.sub[w], windows.groups[w], flat)
    }
  }

  /** Adds the values of the tags to the prefix. False: the row lacks one. */
  private addTags(sets: Chunk, row: number): boolean {
    const { on, prefix, delimiter } = this
    for (let i = 0; i < on.length; i++) {
      const column = sets.tag(on[i])
      if (column === null || column.kinds[row] === Kind.Missing) {
        this.ctx.error('point missing tag for flatten operation', `tag ${on[i]} is missing from point`)
        return false
      }
      if (i > 0) prefix.raw(delimiter, 0, delimiter.length)
      prefix.raw(column.bytes, column.i32[2 * row], column.i32[2 * row + 1])
    }
    return true
  }

  private addFields(rest: PackedRows, row: number): void {
    const { reader, prefix, flat, delimiter } = this
    if (!this.dropName && prefix.length > 0) prefix.raw(delimiter, 0, delimiter.length)
    reader.open(rest.bytes, rest.starts[row], rest.lengths[row])
    while (reader.nextField()) {
      if (this.dropName) flat.text(prefix.bytes, 0, prefix.length)
      else addName(flat, prefix.bytes, prefix.length, reader)
      addValue(flat, reader)
    }
  }
}

export const flattenEntry: OperatorEntry = {
  def: flattenDef,
  create: (planned, ctx) => new FlattenOperator(planned, ctx),
}
