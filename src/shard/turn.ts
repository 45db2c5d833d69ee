/**
 * How long a task may keep its shard with what follows from one chunk, timer or message. A pipeline can multiply rows without
 * end (unions of a node with itself, each on top of the other): such a task fails, and the shard goes on with the others and
 * with what main asks. Thread: shard worker.
 */
import { TaskFailure } from '../errors.js'

/** Less than main waits for an answer of the shard. */
const longestMs = 8000
/** With the time that the shard has waited for main to take what the task sends out. */
const longestInAllMs = 20_000
/** Emissions between two looks at the clock. */
const lookEvery = 1024

export class Turn {
  private startedMs = Number.POSITIVE_INFINITY
  private blockedAtStartMs = 0
  private emissions = 0

  constructor(
    /** Time that the shard has waited for main so far. */
    private readonly blockedMs: () => number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  begin(): void {
    this.startedMs = this.now()
    this.blockedAtStartMs = this.blockedMs()
    this.emissions = 0
  }

  /** Called with each emission of a node. Throws a TaskFailure when the turn has become too long. */
  check(nodeName: string): void {
    this.emissions++
    if (this.emissions % lookEvery !== 0) return
    const tookMs = this.now() - this.startedMs
    const workedMs = tookMs - (this.blockedMs() - this.blockedAtStartMs)
    if (workedMs < longestMs && tookMs < longestInAllMs) return
    throw new TaskFailure(nodeName, `what follows from one chunk of points takes more than ${longestMs / 1000}s`)
  }
}
