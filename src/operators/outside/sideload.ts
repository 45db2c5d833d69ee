/**
 * `sideload`: adds fields and tags from files. Thread: shard worker. Main reads the sources (sinks/sideload-sources.ts) and
 * hands their values over, at start and after each reload; here they are a table of bytes, charged to the budget.
 *
 * Per row the order templates give paths; of each key the first file that has it counts, else the default. A loaded value that
 * does not fit the default's type is an error, and the default counts.
 */
import type { Chunk } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration } from '../../columns/values.js'
import { errorText, ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef, PipelineNode, ScriptValue } from '../../tickscript/node-def.js'
import { CellReader, clearedColumn } from '../kit/cells.js'
import { goTypeOf, madeType, stringsOf } from '../kit/dimensions.js'
import { fail, pairs, pairsOf, textField, textOf } from '../kit/script-props.js'
import { RowGroups } from '../kit/select-rows.js'
import { regroupedByTags, TagWritingOperator } from '../kit/tag-writing.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { PathBuffer, type PathTemplate, pathTemplate, tagsOf } from './sideload-path.js'
import { expectedType, type SideloadData, type SideloadKey, SideloadTable } from './sideload-table.js'

const isDefault = (v: ScriptValue): v is bigint | number | string | boolean | Duration =>
  ['bigint', 'number', 'string', 'boolean'].includes(typeof v) || v instanceof Duration

export const sideloadDef: NodeDef = {
  method: 'sideload',
  kind: 'sideload',
  goType: 'SideloadNode',
  doc: 'Adds fields and tags from files.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    textField('source', 'A directory as a file URL, an http URL, or the name of an [[httppost]] endpoint.'),
    {
      name: 'order',
      doc: 'Templates of the file names; the first found wins.',
      form: 'method',
      args: [{ name: 'order', type: 'string', variadic: true }],
      apply(node, args) {
        node.props.order = args
      },
    },
    pairs('field', 'A field to load and its default.', ['name', 'string'], ['value', 'any']),
    pairs('tag', 'A tag to load and its default.', ['name', 'string'], ['value', 'string']),
  ],
  validate(node) {
    for (const [name, v] of pairsOf(node, 'field')) {
      if (!isDefault(v)) fail('sideload', `unsupported type ${goTypeOf(v)} for the default of field "${name}"`)
    }
  },
  check: (node) => void orderOf(node),
  effects(node) {
    const tags = pairsOf(node, 'tag').map(([name]) => name)
    const read = tagsOf(orderOf(node))
    return {
      reads: read ?? [],
      makesFields: pairsOf(node, 'field').map(([name, value]) => [name, madeType(value)] as const),
      wholeTags: read === null,
      writesTags: tags,
      grouping: node.edge === 'batch' ? undefined : regroupedByTags(node, tags),
    }
  },
}

function orderOf(node: PipelineNode): PathTemplate[] {
  try {
    return stringsOf(node.props.order).map(pathTemplate)
  } catch (err) {
    throw new ShardlineError('sideload-order', errorText(err))
  }
}

/** What to load, for both sides. */
export function sideloadKeys(node: PipelineNode): SideloadKey[] {
  const keys: SideloadKey[] = []
  for (const [name, v] of pairsOf(node, 'field')) if (isDefault(v)) keys.push({ name, isTag: false, value: v })
  for (const [name, v] of pairsOf(node, 'tag')) keys.push({ name, isTag: true, value: String(v) })
  return keys
}

export function sideloadSource(node: PipelineNode): string {
  return textOf(node, 'source')
}

/** Main's message with new values. */
export interface SideloadReload {
  readonly what: 'sideload'
  readonly data: SideloadData
}

/** Errors of one key in one chunk. */
interface KeyErrors {
  n: number
  got: string
}

class SideloadOperator extends TagWritingOperator {
  private readonly keys: readonly SideloadKey[]
  private readonly order: readonly PathTemplate[]
  private readonly needsTags: boolean
  private readonly columns: readonly OutColumn[]
  private readonly errors: readonly KeyErrors[]
  private readonly cells = new CellReader()
  private readonly rowGroups = new RowGroups()
  private readonly path = new PathBuffer()
  private readonly tagColumns = new Map<string, Column | null>()
  private readonly columnOf = (tag: string): Column | null => this.tagColumns.get(tag) ?? null
  private readonly tagNames: readonly string[]
  /** File per order template of the row at hand, -1 = none. */
  private readonly found: Int32Array
  private table: SideloadTable
  /** The chunk's own cells of the keys, looked up when a template fails. */
  private originals: (Column | null)[] | null = null

  constructor({ node }: PlannedNode, ctx: OperatorContext) {
    super(
      ctx,
      pairsOf(node, 'tag').map(([name]) => name),
      'set',
    )
    this.keys = sideloadKeys(node)
    this.order = orderOf(node)
    this.needsTags = this.order.some((o) => o.parts === null)
    this.tagNames = tagsOf(this.order.filter((o) => o.parts !== null)) ?? []
    this.columns = this.keys.map((k) => new OutColumn(k.name, 256))
    this.errors = this.keys.map(() => ({ n: 0, got: '' }))
    this.found = new Int32Array(this.order.length)
    this.table = this.tableOf((ctx.nodeData as SideloadData | undefined) ?? { paths: [], cells: [] })
  }

  receive(chunk: Chunk): void {
    const { cells, columns, keys } = this
    cells.begin()
    this.originals = null
    this.tagColumns.clear()
    for (const name of this.tagNames) this.tagColumns.set(name, cells.tag(chunk, name))
    for (const c of columns) clearedColumn(c, chunk.n)
    const groups = this.needsTags ? this.rowGroups.of(chunk) : null
    for (let r = 0; r < chunk.n; r++) {
      if (this.findFiles(chunk, r, groups)) for (let k = 0; k < keys.length; k++) this.load(r, k)
      else this.keepRow(chunk, r)
    }
    const out = chunk.derive()
    keys.forEach((key, k) => {
      if (key.isTag) out.setTag(key.name, columns[k].column)
      else out.setField(key.name, columns[k].column)
    })
    this.reportErrors()
    this.emitRows(out)
  }

  override control(message: unknown): unknown {
    const m = message as SideloadReload
    if (m?.what !== 'sideload') return undefined
    const table = this.tableOf(m.data)
    this.table.release()
    this.table = table
    return true
  }

  override dispose(): void {
    super.dispose()
    this.table.release()
  }

  private tableOf(data: SideloadData): SideloadTable {
    const table = SideloadTable.make(this.ctx.state, data, this.keys)
    if (table === null)
      throw new ShardlineError('sideload-memory', 'sideload source does not fit into the memory of the shard')
    return table
  }

  /** False: a template failed, the row stays as it was. */
  private findFiles(chunk: Chunk, row: number, groups: Int32Array | null): boolean {
    const { path } = this
    const tags = groups === null ? null : chunk.tagsOf(row, groups[row])
    for (let i = 0; i < this.order.length; i++) {
      const { parts, template } = this.order[i]
      if (parts !== null) path.render(parts, this.columnOf, row)
      else {
        try {
          path.execute(template, tags!)
        } catch (err) {
          this.ctx.error('failed to render order template', errorText(err))
          return false
        }
      }
      this.found[i] = this.table.find(path.bytes, path.length)
    }
    return true
  }

  private load(row: number, key: number): void {
    const { table, found } = this
    let from = table.files
    for (let i = 0; i < found.length; i++) {
      if (found[i] < 0 || !table.has(found[i], key)) continue
      const got = table.unusable(found[i], key)
      if (got === '') from = found[i]
      else {
        this.errors[key].n++
        this.errors[key].got = got
      }
      break
    }
    this.columns[key].copy(row, table.cells, from * this.keys.length + key)
  }

  private keepRow(chunk: Chunk, row: number): void {
    if (this.originals === null) {
      this.originals = this.keys.map((k) => (k.isTag ? this.cells.tag(chunk, k.name) : this.cells.field(chunk, k.name)))
    }
    this.originals.forEach((from, k) => {
      if (from !== null && from.kinds[row] !== Kind.Missing) this.columns[k].copy(row, from, row)
    })
  }

  private reportErrors(): void {
    this.errors.forEach((e, k) => {
      if (e.n === 0) return
      const key = this.keys[k]
      const expected = expectedType(key)
      const keys = { key: key.name, expected, got: e.got }
      this.ctx.error('failed to load key', `cannot use ${e.got} as ${expected}`, e.n, keys)
      e.n = 0
    })
  }
}

export const sideloadEntry: OperatorEntry = {
  def: sideloadDef,
  create: (planned, ctx) => new SideloadOperator(planned, ctx),
}
