/**
 * The non-OK alert states of main's topics, for operators that must know a group's level at first sight of it.
 * Thread: shard worker; main sends every change (`topicState`).
 */
export interface MirroredState {
  readonly level: number
  /** Time of the last event, ns since the epoch as text. */
  readonly timeNs: string
}

/** States kept; beyond, new ones are not mirrored and their groups start at OK. */
const maxStates = 200_000

export class TopicMirror {
  private readonly topics = new Map<string, Map<string, MirroredState>>()
  private size = 0

  apply(topic: string, id: string, level: number, timeNs: string): void {
    let ids = this.topics.get(topic)
    if (level === 0) {
      if (ids?.delete(id)) this.size--
      if (ids?.size === 0) this.topics.delete(topic)
      return
    }
    if (ids === undefined) {
      ids = new Map()
      this.topics.set(topic, ids)
    }
    if (!ids.has(id)) {
      if (this.size >= maxStates) return
      this.size++
    }
    ids.set(id, { level, timeNs })
  }

  /** No state of the topic is known: an id need not be rendered to look it up. */
  isEmpty(topic: string): boolean {
    return !this.topics.has(topic)
  }

  get(topic: string, id: string): MirroredState | undefined {
    return this.topics.get(topic)?.get(id)
  }
}
