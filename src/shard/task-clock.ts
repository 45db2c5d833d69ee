/**
 * Times for the lambda function now(): main's clock, which has milliseconds, made finer so that no time is given twice in a task,
 * whichever shard gives it. Scripts make times of points of it, and points of one series and time would overwrite each other.
 * Thread: shard worker.
 *
 * Each time is later than the one before, also while the clock stands still or goes back. Shard s of n only gives times whose
 * nanoseconds are s modulo n.
 */
export class TaskClock {
  private lastNs = 0n
  private readonly shard: bigint
  private readonly shards: bigint

  constructor(
    private readonly nowMs: () => number,
    shard: number,
    shards: number,
  ) {
    this.shard = BigInt(shard)
    this.shards = BigInt(shards)
  }

  /** Bound, to be handed to lambdas. */
  readonly nowNs = (): bigint => {
    const { lastNs, shard, shards } = this
    let ns = BigInt(Math.floor(this.nowMs())) * 1_000_000n + 1n
    if (ns <= lastNs) ns = lastNs + 1n
    ns += (((shard - ns) % shards) + shards) % shards
    this.lastNs = ns
    return ns
  }
}
