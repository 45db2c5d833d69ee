/** Statistics of one run of a task as main shows them. Thread: main. */

/** Counters of one node summed over the shards; `collected`/`emitted` of its edges included. */
export interface NodeStatsView {
  readonly name: string
  readonly counters: Record<string, number>
  /** Bytes of state that the node's operators hold on all shards. */
  readonly stateBytes: number
}

export interface EdgeStatsView {
  readonly parent: string
  readonly child: string
  readonly processed: number
}

export interface TaskStatsView {
  /** Points (batches) per second collected by the source over the last second. */
  readonly throughput: number
  /** In walk order. */
  readonly nodes: readonly NodeStatsView[]
  /** In walk order of the parent, then of the child. */
  readonly edges: readonly EdgeStatsView[]
  /** delivered = processed + Σ dropped + inRing. Points. */
  readonly delivered: number
  readonly processed: number
  readonly inRing: number
  readonly dropped: Record<string, number>
  /** State bytes per shard. */
  readonly stateBytes: readonly number[]
  readonly groups: number
}
