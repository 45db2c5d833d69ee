/**
 * Emits the rows that a selector or a multi function chose from a chunk: gathered columns over the same `rest`.
 * Thread: shard worker. Between `begin` and `flush` the chunk must stay valid.
 */
import type { Chunk, Windows } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import type { Aggregate, Result } from '../aggregates/aggregate.js'
import { RowSelector } from '../kit/select-rows.js'

export class PickedRows {
  private chunk: Chunk | null = null
  private readonly selector = new RowSelector()
  private name = ''
  private rows = new Int32Array(256)
  private ms = new Float64Array(256)
  private sub = new Int32Array(256)
  private groups = new Int32Array(256)
  private n = 0
  private windows: Windows = newWindows(64)

  constructor(
    private readonly aggregate: Aggregate,
    private readonly field: string,
    private readonly as: string,
    private readonly emit: (chunk: Chunk) => void,
  ) {}

  /** `column` holds the field's cells, wherever they come from. */
  begin(chunk: Chunk, column: Column | null): void {
    if (column === null) {
      this.chunk = null
      return
    }
    const c = chunk.derive()
    c.db = ''
    c.rp = ''
    if (this.aggregate.shape === 'multi') {
      c.fields = []
      c.restFields = false
      if (!this.aggregate.rowTags) {
        c.tags = []
        c.rest = null
        c.groupTags = true
      }
    } else if (this.as !== this.field) c.hideField(this.field)
    c.setField(this.as, column)
    c.windows = null
    c.hashes = null
    this.chunk = c
  }

  add(windows: Windows, w: number, name: string, result: Result, pointTimes: boolean): void {
    if (result.n === 0) return
    const chunk = this.chunk!
    if (name !== this.name) {
      this.flush()
      this.name = name
    }
    this.reserve(result.n)
    const own = pointTimes && !result.sharedTime
    const from = this.n
    let lastMs = windows.ms[w]
    let lastSub = windows.sub[w]
    for (let i = 0; i < result.n; i++) {
      const row = result.picks[i]
      const at = this.n++
      this.rows[at] = row
      this.groups[at] = windows.groups[w]
      const ms = own ? chunk.ms[row] : windows.ms[w]
      const sub = own ? chunk.sub[row] : windows.sub[w]
      this.ms[at] = ms
      this.sub[at] = sub
      if (ms > lastMs || (ms === lastMs && sub > lastSub)) {
        lastMs = ms
        lastSub = sub
      }
    }
    if (this.aggregate.shape === 'selector') return
    const out = this.windows
    out.groups[out.n] = windows.groups[w]
    out.ms[out.n] = lastMs
    out.sub[out.n] = lastSub
    out.starts[out.n] = from
    out.ends[out.n++] = this.n
  }

  flush(): void {
    if (this.n === 0) return
    const out = this.selector.select(this.chunk!, this.rows, this.n)
    out.name = this.name
    out.ms.set(this.ms.subarray(0, this.n))
    out.sub.set(this.sub.subarray(0, this.n))
    out.groups.set(this.groups.subarray(0, this.n))
    if (this.aggregate.shape === 'multi') out.windows = this.windows
    this.emit(out)
    this.n = 0
    this.windows.n = 0
  }

  private reserve(more: number): void {
    const need = this.n + more
    if (need > this.rows.length) {
      const size = Math.max(need, this.rows.length * 2)
      this.rows = copied(this.rows, new Int32Array(size))
      this.sub = copied(this.sub, new Int32Array(size))
      this.groups = copied(this.groups, new Int32Array(size))
      this.ms = copied(this.ms, new Float64Array(size))
    }
    const w = this.windows
    if (w.n < w.groups.length) return
    const grown = newWindows(w.groups.length * 2)
    grown.n = w.n
    for (const k of ['groups', 'sub', 'starts', 'ends'] as const) grown[k].set(w[k])
    grown.ms.set(w.ms)
    this.windows = grown
  }
}

function copied<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

function newWindows(n: number): Windows {
  return {
    n: 0,
    groups: new Int32Array(n),
    ms: new Float64Array(n),
    sub: new Int32Array(n),
    starts: new Int32Array(n),
    ends: new Int32Array(n),
  }
}
