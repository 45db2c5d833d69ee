/** A bucket of log lines: ten at once, then one a second. What is held back is counted. Thread: any. */
const burst = 10
const perMs = 1 / 1000

export class LogLimit {
  private tokens = burst
  private ms = performance.now()
  private held = 0

  may(): boolean {
    const now = performance.now()
    this.tokens = Math.min(burst, this.tokens + (now - this.ms) * perMs)
    this.ms = now
    if (this.tokens < 1) {
      this.held++
      return false
    }
    this.tokens--
    return true
  }

  /** For the line that may be written: how many were not. */
  suppressed(): { suppressed?: number } {
    const { held } = this
    this.held = 0
    return held > 0 ? { suppressed: held } : {}
  }
}
