/**
 * When a thread that has died gets a successor: at once after a single death, after longer and longer pauses while threads
 * keep dying, so that neither the machine nor the log drowns in them. Thread: main.
 */

export interface RestartTimes {
  /** Before the second thread of a row; each pause is twice the one before. */
  readonly firstPauseMs: number
  /** Shorter than the time that the start of a task may take, so that starts wait a pause out. */
  readonly longestPauseMs: number
  /** A thread that lived so long ends a row of deaths. */
  readonly healthyMs: number
  /** Deaths of a shard in a row after which tasks are given up. */
  readonly patience: number
}

export const restartTimes: RestartTimes = {
  firstPauseMs: 50,
  longestPauseMs: 5000,
  healthyMs: 60_000,
  patience: 5,
}

export class RestartPolicy {
  /** Deaths since a thread last lived long enough. */
  inARow = 0
  private startedMs = 0

  constructor(private readonly times: RestartTimes = restartTimes) {}

  started(nowMs: number): void {
    this.startedMs = nowMs
  }

  /** Counts a death. Answers how long to wait before the next start. */
  died(nowMs: number): number {
    const { firstPauseMs, longestPauseMs, healthyMs } = this.times
    this.inARow = nowMs - this.startedMs >= healthyMs ? 1 : this.inARow + 1
    return this.inARow === 1 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (this.inARow - 2))
  }

  /** The tasks that have rows on the shard are to stop: what kills it comes with them. */
  get givesUp(): boolean {
    return this.inARow > this.times.patience
  }

  /** It goes on without these tasks: all others are to stop too, for every shard builds all tasks. */
  get givesUpAll(): boolean {
    return this.inARow > this.times.patience + 1
  }
}
