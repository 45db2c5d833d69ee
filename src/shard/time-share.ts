/**
 * How a shard's time is shared between its tasks. Thread: shard worker.
 *
 * Busy times fade by half every `halfLifeMs`. A task is over its share when it has taken more than an equal part of the time
 * that all tasks together have taken lately, and more than `graceMs`.
 */
const halfLifeMs = 500
const graceMs = 20

export class TimeShare {
  private totalMs = 0
  private updatedMs: number
  private fade = 1

  constructor(nowMs: number) {
    this.updatedMs = nowMs
  }

  /** To be called now and then: lets what was fade. Answers the factor for the tasks' own busy times. */
  settle(nowMs: number): number {
    this.fade = 0.5 ** ((nowMs - this.updatedMs) / halfLifeMs)
    this.updatedMs = nowMs
    this.totalMs *= this.fade
    return this.fade
  }

  add(ms: number): void {
    this.totalMs += ms
  }

  isOver(busyMs: number, tasks: number): boolean {
    return busyMs > graceMs && busyMs * tasks > this.totalMs * 1.25
  }
}
