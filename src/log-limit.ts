/**
 * The limit of repeated log lines: ten at once, then one a second. What is held back is counted for the next line that is
 * written. One limit per source of lines, so that one does not silence another. Thread: any, one owner.
 */
const burst = 10
const intervalMs = 1000

export class LogLimit {
  private tokens = burst
  private lastMs: number
  private held = 0

  constructor(private readonly nowMs: () => number = () => performance.now()) {
    this.lastMs = nowMs()
  }

  may(): boolean {
    const ms = this.nowMs()
    this.tokens = Math.min(burst, this.tokens + (ms - this.lastMs) / intervalMs)
    this.lastMs = ms
    if (this.tokens < 1) {
      this.held++
      return false
    }
    this.tokens--
    return true
  }

  /** For the line that may be written: how many were not since the last one. */
  suppressed(): { suppressed?: number } {
    const { held } = this
    this.held = 0
    return held > 0 ? { suppressed: held } : {}
  }
}
