/**
 * What an alert node hands on: the rows or windows that produced an event, with the level, id, message and duration added as
 * the tags and fields the script names (spec alerts 6). Thread: shard worker.
 */
import { type Chunk, maxChunkRows, type Windows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import { groupTagsOf } from '../../columns/json-encode.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import { clearedColumn, setCell } from '../kit/cells.js'
import { GroupAssign } from '../kit/group-assign.js'
import { RowSelector } from '../kit/select-rows.js'
import type { OperatorContext } from '../operator.js'
import { levelNames, textProp } from './alert-def.js'

export interface Annotation {
  readonly level: number
  readonly id: string
  readonly message: string
  readonly durationNs: bigint
}

type Source = 'level' | 'id' | 'message' | 'duration'

interface Target {
  readonly name: string
  readonly source: Source
  readonly column: OutColumn
}

function targets(node: PipelineNode, props: readonly (readonly [string, Source])[]): Target[] {
  const out: Target[] = []
  for (const [prop, source] of props) {
    const name = textProp(node, prop, '')
    if (name !== '') out.push({ name, source, column: new OutColumn(name, 256) })
  }
  return out
}

export class Annotator {
  /** What is handed on has groups of its own. */
  readonly regroups: boolean
  private readonly tags: Target[]
  private readonly fields: Target[]
  private readonly selector = new RowSelector()
  private assign: GroupAssign | null = null
  private rows = new Int32Array(maxChunkRows)
  private marks = new Int32Array(maxChunkRows)

  constructor(
    node: PipelineNode,
    private readonly ctx: OperatorContext,
  ) {
    this.tags = targets(node, [
      ['levelTag', 'level'],
      ['idTag', 'id'],
    ])
    this.regroups = this.tags.length > 0 && node.edge === 'batch'
    this.fields = targets(node, [
      ['levelField', 'level'],
      ['messageField', 'message'],
      ['idField', 'id'],
      ['durationField', 'duration'],
    ])
  }

  /** rows[i] of a stream chunk, ascending, each with its annotation. */
  stream(chunk: Chunk, rows: readonly number[], notes: readonly Annotation[]): Chunk {
    const n = rows.length
    this.reserve(n)
    for (let i = 0; i < n; i++) {
      this.rows[i] = rows[i]
      this.marks[i] = i
    }
    const out = this.selector.select(chunk, this.rows, n)
    this.annotate(out, n, notes)
    return out
  }

  /** The windows of a batch chunk, ascending, each with its annotation. */
  batch(chunk: Chunk, chosen: readonly number[], notes: readonly Annotation[]): Chunk {
    const from = chunk.windows!
    const count = chosen.length
    let n = 0
    for (const w of chosen) n += from.ends[w] - from.starts[w]
    this.reserve(n)
    const windows: Windows = {
      n: count,
      groups: new Int32Array(count),
      ms: new Float64Array(count),
      sub: new Int32Array(count),
      starts: new Int32Array(count),
      ends: new Int32Array(count),
    }
    let at = 0
    chosen.forEach((w, i) => {
      windows.groups[i] = from.groups[w]
      windows.ms[i] = from.ms[w]
      windows.sub[i] = from.sub[w]
      windows.starts[i] = at
      for (let r = from.starts[w]; r < from.ends[w]; r++) {
        this.rows[at] = r
        this.marks[at++] = i
      }
      windows.ends[i] = at
    })
    const out = this.selector.select(chunk, this.rows, n)
    out.windows = windows
    this.annotate(out, n, notes)
    if (this.regroups) this.regroup(chunk, out, windows, notes)
    return out
  }

  dispose(): void {
    this.assign?.grouping.dispose()
  }

  private annotate(out: Chunk, n: number, notes: readonly Annotation[]): void {
    for (const t of this.tags) out.setTag(t.name, this.fill(t, n, notes))
    for (const f of this.fields) out.setField(f.name, this.fill(f, n, notes))
  }

  private fill(target: Target, n: number, notes: readonly Annotation[]) {
    const out = clearedColumn(target.column, n)
    for (let r = 0; r < n; r++) {
      if (r > 0 && this.marks[r] === this.marks[r - 1] && target.source !== 'duration') out.repeatString(r, r - 1)
      else setCell(out, r, annotationOf(notes[this.marks[r]], target.source))
    }
    return out.column
  }

  /** A batch that got tags is grouped by all its tags. */
  private regroup(chunk: Chunk, out: Chunk, windows: Windows, notes: readonly Annotation[]): void {
    const { byName } = chunk.grouping
    this.assign ??= new GroupAssign(this.ctx.grouping({ dims: null, byName }))
    let kept = 0
    for (let i = 0; i < windows.n; i++) {
      const tags = groupTagsOf(chunk, windows.groups[i])
      for (const t of this.tags) tags.set(t.name, String(annotationOf(notes[i], t.source)))
      const g = this.assign.groupOfTags(chunk.name, tags, this.ctx.now())
      if (g < 0) {
        this.ctx.dropped('memory', windows.ends[i] - windows.starts[i])
        continue
      }
      windows.groups[kept] = g
      windows.ms[kept] = windows.ms[i]
      windows.sub[kept] = windows.sub[i]
      windows.starts[kept] = windows.starts[i]
      windows.ends[kept++] = windows.ends[i]
    }
    windows.n = kept
    out.grouping = this.assign.grouping
  }

  private reserve(n: number): void {
    if (this.rows.length >= n) return
    this.rows = new Int32Array(n)
    this.marks = new Int32Array(n)
  }
}

function annotationOf(note: Annotation, source: Source): string | bigint {
  switch (source) {
    case 'level':
      return levelNames[note.level]
    case 'id':
      return note.id
    case 'message':
      return note.message
    default:
      return note.durationNs
  }
}
