/**
 * `delete`: removes fields and tags. A removed tag leaves the dimensions too; on a batch edge the batch's own tags shrink.
 * Counters count only what was there. Thread: shard worker.
 */
import type { Chunk } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { CellReader } from '../kit/cells.js'
import { listOf, stringsOf } from '../kit/dimensions.js'
import { regroupedByTags, TagWritingOperator } from '../kit/tag-writing.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

const fieldsProp = 'deleteFields'
const tagsProp = 'deleteTags'

export const deleteDef: NodeDef = {
  method: 'delete',
  kind: 'delete',
  goType: 'DeleteNode',
  doc: 'Removes fields and tags from each point.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    {
      name: 'field',
      doc: 'A field to remove.',
      form: 'method',
      args: [{ name: 'name', type: 'string' }],
      apply(node, args) {
        node.props[fieldsProp] = [...listOf(node.props[fieldsProp]), ...args]
      },
    },
    {
      name: 'tag',
      doc: 'A tag to remove.',
      form: 'method',
      args: [{ name: 'name', type: 'string' }],
      apply(node, args) {
        node.props[tagsProp] = [...listOf(node.props[tagsProp]), ...args]
      },
    },
  ],
  counters: ['fields_deleted', 'tags_deleted'],
  effects(node) {
    const tags = stringsOf(node.props[tagsProp])
    const fields = stringsOf(node.props[fieldsProp])
    return {
      reads: [...fields, ...tags],
      removes: { fields, tags },
      writesTags: tags,
      grouping: regroupedByTags(node, tags, 'remove'),
    }
  },
}

export class DeleteOperator extends TagWritingOperator {
  private readonly fields: readonly string[]
  private readonly tags: readonly string[]
  private readonly cells = new CellReader()

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    const tags = [...new Set(stringsOf(planned.node.props[tagsProp]))]
    super(ctx, tags, 'remove')
    this.fields = [...new Set(stringsOf(planned.node.props[fieldsProp]))]
    this.tags = tags
  }

  receive(chunk: Chunk): void {
    const out = chunk.derive()
    this.cells.begin()
    let removed = 0
    for (const name of this.fields) {
      removed += present(this.cells.field(chunk, name), chunk.n)
      out.hideField(name)
    }
    if (removed > 0) this.ctx.stats.add('fields_deleted', removed)
    removed = 0
    for (const name of this.tags) {
      removed += present(this.cells.tag(chunk, name), chunk.n)
      out.hideTag(name)
    }
    if (removed > 0) this.ctx.stats.add('tags_deleted', removed)
    this.emitRows(out)
  }

  protected override batchGroups(): boolean {
    return this.tags.length > 0
  }

  protected override batchDims(dims: readonly string[]): readonly string[] {
    return dims.filter((d) => !this.tags.includes(d))
  }

  protected override changeGroupTags(tags: Map<string, string>): void {
    for (const t of this.tags) if (tags.delete(t)) this.ctx.stats.add('tags_deleted', 1)
  }
}

function present(column: Column | null, n: number): number {
  if (column === null) return 0
  let k = 0
  for (let r = 0; r < n; r++) if (column.kinds[r] !== Kind.Missing) k++
  return k
}

export const deleteEntry: OperatorEntry = { def: deleteDef, create: (planned, ctx) => new DeleteOperator(planned, ctx) }
