/**
 * Names of the messages that created groups, as small ids with a reference count: a name that no group has any more is
 * forgotten. Thread: shard worker.
 */
export class NameTable {
  private readonly names: string[] = []
  private readonly counts: number[] = []
  private readonly ids = new Map<string, number>()
  private readonly free: number[] = []
  private lastName = ''
  private lastId = -1

  /** The id of a name, with one more reference. */
  take(name: string): number {
    let id = name === this.lastName && this.lastId >= 0 ? this.lastId : this.ids.get(name)
    if (id === undefined) {
      id = this.free.pop() ?? this.names.length
      this.names[id] = name
      this.counts[id] = 0
      this.ids.set(name, id)
    }
    this.lastName = name
    this.lastId = id
    this.counts[id]++
    return id
  }

  give(id: number): void {
    if (--this.counts[id] > 0) return
    this.ids.delete(this.names[id])
    this.names[id] = ''
    this.free.push(id)
    if (id === this.lastId) this.lastId = -1
  }

  nameOf(id: number): string {
    return this.names[id]
  }
}
