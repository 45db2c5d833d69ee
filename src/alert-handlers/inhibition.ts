/**
 * The inhibitors of the whole server that are switched on (spec alerts 8). Thread: main. An inhibitor belongs to a group of a
 * node on a shard; it goes when the group recovers, is deleted or evicted, and with its task.
 *
 * By category and list of tag names the values that are switched on are counted, so an event costs one look-up per list of
 * names, however many groups are on.
 */
import type { AlertEvent, InhibitFrame, InhibitorState } from './event-frame.js'

/** Inhibitors of one category over the same tags. */
interface Shape {
  readonly names: readonly string[]
  /** Joined values → number of inhibitors that are on. */
  readonly on: Map<string, number>
}

const joined = (values: readonly string[]): string => JSON.stringify(values)

export class InhibitionTable {
  /** Inhibitors that are on. */
  size = 0
  /** By category, then by joined tag names. */
  private readonly shapes = new Map<string, Map<string, Shape>>()
  /** By task run, then by node, shard and group. */
  private readonly owners = new Map<number, Map<string, readonly InhibitorState[]>>()

  apply(taskKey: number, nodeIndex: number, shard: number, frame: InhibitFrame): void {
    let owners = this.owners.get(taskKey)
    if (owners === undefined) {
      if (!frame.on) return
      owners = new Map()
      this.owners.set(taskKey, owners)
    }
    const owner = `${nodeIndex}/${shard}/${frame.group}`
    for (const i of owners.get(owner) ?? []) this.count(i, -1)
    owners.delete(owner)
    if (!frame.on) return
    owners.set(owner, frame.inhibitors)
    for (const i of frame.inhibitors) this.count(i, 1)
  }

  removeTask(taskKey: number): void {
    for (const list of this.owners.get(taskKey)?.values() ?? []) for (const i of list) this.count(i, -1)
    this.owners.delete(taskKey)
  }

  /** Of one run: the groups that the shard had are gone. */
  removeShard(taskKey: number, shard: number): void {
    const owners = this.owners.get(taskKey)
    for (const [owner, list] of owners ?? []) {
      if (owner.split('/')[1] !== String(shard)) continue
      for (const i of list) this.count(i, -1)
      owners?.delete(owner)
    }
  }

  /** Whether some inhibitor of the event's category has only tags that equal the event's; a missing tag is ''. */
  isInhibited(event: Pick<AlertEvent, 'category' | 'tags'>): boolean {
    const byNames = this.shapes.get(event.category)
    if (byNames === undefined) return false
    for (const { names, on } of byNames.values()) {
      if (on.has(joined(names.map((n) => event.tags.get(n) ?? '')))) return true
    }
    return false
  }

  private count(i: InhibitorState, by: 1 | -1): void {
    const names = i.tags.map((t) => t[0])
    const nameKey = joined(names)
    let byNames = this.shapes.get(i.category)
    if (byNames === undefined) {
      byNames = new Map()
      this.shapes.set(i.category, byNames)
    }
    let shape = byNames.get(nameKey)
    if (shape === undefined) {
      shape = { names, on: new Map() }
      byNames.set(nameKey, shape)
    }
    const values = joined(i.tags.map((t) => t[1]))
    const n = (shape.on.get(values) ?? 0) + by
    this.size += by
    if (n > 0) shape.on.set(values, n)
    else shape.on.delete(values)
    if (shape.on.size > 0) return
    byNames.delete(nameKey)
    if (byNames.size === 0) this.shapes.delete(i.category)
  }
}
