/**
 * A shard's copy of the alert states that are not OK, by topic and event id: what alert nodes restore a group's level from when
 * they first see it. Main sends every change (TaskSpec.alertStates, `topicState`). Thread: shard worker.
 */
export interface StoredAlertState {
  readonly level: number
  readonly timeNs: bigint
}

/** What operators see of it. */
export interface TopicStates {
  /** Whether the topic has any state that is not OK. */
  has(topic: string): boolean
  get(topic: string, id: string): StoredAlertState | undefined
}

export class TopicMirror implements TopicStates {
  private readonly topics = new Map<string, Map<string, StoredAlertState>>()

  set(topic: string, id: string, level: number, timeNs: bigint): void {
    let states = this.topics.get(topic)
    if (level === 0) {
      states?.delete(id)
      if (states?.size === 0) this.topics.delete(topic)
      return
    }
    if (states === undefined) {
      states = new Map()
      this.topics.set(topic, states)
    }
    states.set(id, { level, timeNs })
  }

  has(topic: string): boolean {
    return this.topics.has(topic)
  }

  get(topic: string, id: string): StoredAlertState | undefined {
    return this.topics.get(topic)?.get(id)
  }
}
