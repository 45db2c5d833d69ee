/**
 * Which cells of the written points a task looks at, by walking its nodes from the leaves to the source. Names that some
 * expression reads are encoded as columns; nodes that hand out whole points only mark "all fields" or "all tags", which
 * stay undecoded bytes of the line. Thread: any.
 */
import type { NodeEffects } from '../tickscript/node-def.js'

export interface Demand {
  /** Fields needed; null = all. */
  readonly fields: ReadonlySet<string> | null
  readonly tags: ReadonlySet<string> | null
  /** Names that must be columns, as a field and as a tag. */
  readonly columns: ReadonlySet<string>
}

export const noDemand: Demand = { fields: new Set(), tags: new Set(), columns: new Set() }

function unionOrAll(a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): ReadonlySet<string> | null {
  return a === null || b === null ? null : new Set([...a, ...b])
}

export function unionDemand(a: Demand, b: Demand): Demand {
  return {
    fields: unionOrAll(a.fields, b.fields),
    tags: unionOrAll(a.tags, b.tags),
    columns: new Set([...a.columns, ...b.columns]),
  }
}

/** What a node demands of its parent number `parent`, given what its children demand of its output. */
export function demandThrough(effects: NodeEffects, out: Demand, parent: number): Demand {
  const reads = new Set(effects.reads)
  const kept = effects.keepsFields === undefined ? null : new Set(effects.keepsFields)
  const sources = (name: string): readonly string[] => {
    if (kept !== null && !kept.has(name)) return []
    return effects.fieldsFrom?.(parent, name) ?? [name]
  }
  const passedFields = out.fields === null ? kept : new Set([...out.fields].flatMap(sources))
  const passedTags = effects.groupTagsOnly ? new Set<string>() : out.tags
  // A column read below reaches the source only if its cell, as a field or as a tag, can pass through this node.
  const passedColumns = [...out.columns].flatMap((c) => (effects.groupTagsOnly ? sources(c) : [c, ...sources(c)]))
  return {
    fields: effects.wholeFields ? null : unionOrAll(reads, passedFields),
    tags: effects.wholeTags ? null : unionOrAll(reads, passedTags),
    columns: new Set([...reads, ...passedColumns]),
  }
}
