/**
 * Puts the rows of several tables of one slot back into the order in which they were written, for tasks that read more than
 * one of them: a window over two measurements, a join, a from without a measurement. Thread: shard worker.
 *
 * A batch holds the rows of one table, so what is interleaved in a body comes as several batches. The position of a row's line
 * in the slot is its place in the order; runs of rows of one table become chunks.
 */

import type { BatchSchema } from '../columns/batch-layout.js'
import type { Chunk } from '../columns/chunk.js'
import type { RingEntry } from '../transport/ring.js'
import type { Route } from '../transport/routes.js'
import type { BatchSource } from './batch-source.js'

interface RouteTasks<T> {
  readonly route: Route
  readonly tasks: readonly T[]
}

interface Section {
  readonly entry: RingEntry
  readonly schema: BatchSchema
  readonly route: Route
}

interface Cursor {
  readonly source: BatchSource
  readonly route: Route
  row: number
  /** Line start of `row`. */
  at: number
}

/** Longest chunk: rows of one table between two of another are few. */
const chunkRows = 512
/** Sources that are kept. A write of more tables than that gets small ones for the others, and only while it is merged. */
const keptSources = 32
const spareChunkRows = 16

const nobody: ReadonlySet<never> = new Set<never>()

export class TableMerge<T extends { readonly fromSeq: number }> {
  /** Per task what the group has for it; empty between groups. */
  private readonly sections = new Map<T, Section[]>()
  private readonly sources: BatchSource[] = []

  constructor(private readonly makeSource: (maxRows: number) => BatchSource) {}

  add(entry: RingEntry, schema: BatchSchema, tasksOf: (routeId: number) => RouteTasks<T> | undefined): void {
    const source = this.source(0)
    source.open(entry.slot, entry.offset, schema)
    while (source.nextRoute()) {
      const found = tasksOf(source.routeId)
      if (found === undefined) continue
      for (const task of found.tasks) {
        if (entry.seq <= task.fromSeq) continue
        const list = this.sections.get(task)
        const section = { entry, schema, route: found.route }
        if (list === undefined) this.sections.set(task, [section])
        else list.push(section)
      }
    }
  }

  /** Tasks with rows of more than one batch. */
  merged(): ReadonlySet<T> {
    let out: Set<T> | null = null
    for (const [task, list] of this.sections) {
      if (list.length < 2) continue
      out ??= new Set()
      out.add(task)
    }
    return out ?? nobody
  }

  /** The rows of one task in order, as chunks of one table each. */
  each(task: T, visit: (chunk: Chunk) => void): void {
    const cursors = this.sections.get(task)!.map((s, i) => this.cursor(s, i))
    for (;;) {
      let first: Cursor | null = null
      let limit = Number.POSITIVE_INFINITY
      for (const c of cursors) {
        if (c.row === c.source.rows) continue
        if (first === null || c.at < first.at) {
          if (first !== null) limit = Math.min(limit, first.at)
          first = c
        } else limit = Math.min(limit, c.at)
      }
      if (first === null) return
      const { source } = first
      let to = first.row + 1
      while (to < source.rows && source.lineStartOf(to) < limit) to++
      while (first.row < to) {
        const chunk = source.load(first.row, first.route, to)
        first.row += chunk.n
        visit(chunk)
      }
      if (first.row < source.rows) first.at = source.lineStartOf(first.row)
    }
  }

  /** Forgets the group. */
  close(): void {
    this.sections.clear()
    this.sources.length = Math.min(this.sources.length, keptSources)
  }

  private cursor(s: Section, index: number): Cursor {
    const source = this.source(index)
    source.open(s.entry.slot, s.entry.offset, s.schema)
    while (source.nextRoute()) {
      if (source.routeId === s.route.id) return { source, route: s.route, row: 0, at: source.lineStartOf(0) }
    }
    throw new Error(`route ${s.route.id} is gone from its batch`)
  }

  private source(i: number): BatchSource {
    while (this.sources.length <= i)
      this.sources.push(this.makeSource(this.sources.length < keptSources ? chunkRows : spareChunkRows))
    return this.sources[i]
  }
}
