/**
 * The inhibitors of the whole server that are switched on (spec alerts 8). Main thread. An inhibitor belongs to a group of a
 * node on a shard; it goes when the group recovers, is deleted or evicted, and with its task.
 */
import type { AlertEvent, InhibitFrame, InhibitorState } from './event-frame.js'

export class InhibitionTable {
  /** By category, then by owner. */
  private readonly on = new Map<string, Map<string, InhibitorState[]>>()
  /** Owners by task run. */
  private readonly owners = new Map<number, Set<string>>()

  get size(): number {
    let n = 0
    for (const byOwner of this.on.values()) n += byOwner.size
    return n
  }

  apply(taskKey: number, nodeIndex: number, shard: number, frame: InhibitFrame): void {
    const owner = `${taskKey}/${nodeIndex}/${shard}/${frame.group}`
    this.drop(owner)
    let owners = this.owners.get(taskKey)
    if (!frame.on) {
      owners?.delete(owner)
      return
    }
    if (owners === undefined) {
      owners = new Set()
      this.owners.set(taskKey, owners)
    }
    owners.add(owner)
    for (const inhibitor of frame.inhibitors) {
      let byOwner = this.on.get(inhibitor.category)
      if (byOwner === undefined) {
        byOwner = new Map()
        this.on.set(inhibitor.category, byOwner)
      }
      const list = byOwner.get(owner)
      if (list === undefined) byOwner.set(owner, [inhibitor])
      else list.push(inhibitor)
    }
  }

  removeTask(taskKey: number): void {
    for (const owner of this.owners.get(taskKey) ?? []) this.drop(owner)
    this.owners.delete(taskKey)
  }

  /** Whether some inhibitor of the event's category has only tags that equal the event's. */
  isInhibited(event: AlertEvent): boolean {
    const byOwner = this.on.get(event.category)
    if (byOwner === undefined) return false
    for (const list of byOwner.values()) {
      for (const i of list) if (i.tags.every(([k, v]) => (event.tags.get(k) ?? '') === v)) return true
    }
    return false
  }

  private drop(owner: string): void {
    for (const [category, byOwner] of this.on) {
      byOwner.delete(owner)
      if (byOwner.size === 0) this.on.delete(category)
    }
  }
}
