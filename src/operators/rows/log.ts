/** `log`: writes every point or batch to the log and passes it on. Thread: shard worker; for debugging, so rows are boxed. */
import type { Chunk } from '../../columns/chunk.js'
import { groupTagsOf } from '../../columns/json-encode.js'
import { formatRfc3339, spanOf } from '../../columns/time.js'
import { Duration, Timestamp, type Value } from '../../columns/values.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const logDef: NodeDef = {
  method: 'log',
  kind: 'log',
  goType: 'LogNode',
  doc: 'Logs all data that passes.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    {
      name: 'level',
      doc: 'DEBUG, INFO or ERROR; anything else logs as INFO.',
      form: 'field',
      args: [{ name: 'level', type: 'string' }],
      default: 'INFO',
    },
    {
      name: 'prefix',
      doc: 'A text that each line carries.',
      form: 'field',
      args: [{ name: 'prefix', type: 'string' }],
      default: '',
    },
  ],
  effects: () => ({ reads: [], wholeFields: true, wholeTags: true }),
}

type Level = 'debug' | 'info' | 'error'

function levelOf(text: unknown): Level {
  const upper = typeof text === 'string' ? text.toUpperCase() : ''
  return upper === 'DEBUG' ? 'debug' : upper === 'ERROR' ? 'error' : 'info'
}

export class LogOperator extends Operator {
  private readonly level: Level
  private readonly prefix: string

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    this.level = levelOf(planned.node.props.level)
    this.prefix = typeof planned.node.props.prefix === 'string' ? planned.node.props.prefix : ''
  }

  receive(chunk: Chunk): void {
    if (chunk.windows === null) for (let r = 0; r < chunk.n; r++) this.logPoint(chunk, r)
    else for (let w = 0; w < chunk.windows.n; w++) this.logBatch(chunk, w)
    this.emit(chunk)
  }

  private logPoint(chunk: Chunk, row: number): void {
    const group = chunk.groups[row]
    const p = chunk.point(row, group)
    const keys: Record<string, string> = { prefix: this.prefix, name: p.name, db: p.db, rp: p.rp }
    keys.group = chunk.grouping.idText(group)
    chunk.grouping.tagNames(group).forEach((d, i) => {
      keys[`dimension_${i}`] = d
    })
    addCells(keys, p.tags, p.fields)
    keys.time = formatRfc3339(p.ms, p.sub)
    this.ctx.log(this.level, 'point', keys)
  }

  private logBatch(chunk: Chunk, w: number): void {
    const windows = chunk.windows!
    const group = windows.groups[w]
    const head: Record<string, string> = { prefix: this.prefix, name: chunk.name, group: chunk.grouping.idText(group) }
    addCells(head, groupTagsOf(chunk, group), new Map())
    head.time = formatRfc3339(windows.ms[w], windows.sub[w])
    this.ctx.log(this.level, 'begin batch', head)
    for (let r = windows.starts[w]; r < windows.ends[w]; r++) {
      const keys: Record<string, string> = { prefix: this.prefix }
      addCells(keys, chunk.tagsOf(r, group), chunk.fieldsOf(r))
      keys.time = formatRfc3339(chunk.ms[r], chunk.sub[r])
      this.ctx.log(this.level, 'batch point', keys)
    }
    this.ctx.log(this.level, 'end batch', head)
  }
}

function addCells(keys: Record<string, string>, tags: Map<string, string>, fields: Map<string, Value>): void {
  for (const [k, v] of tags) keys[`tag_${k}`] = v
  for (const [k, v] of fields) keys[`field_${k}`] = valueText(v)
}

function valueText(v: Value): string {
  if (v instanceof Duration) return `${v.ns}ns`
  if (v instanceof Timestamp) {
    const t = spanOf(v.ns)
    return formatRfc3339(t.ms, t.sub)
  }
  return typeof v === 'symbol' ? '<missing>' : String(v)
}

export const logEntry: OperatorEntry = { def: logDef, create: (planned, ctx) => new LogOperator(planned, ctx) }
