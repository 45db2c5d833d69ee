/**
 * Frames of tasks that main has not heard of yet: a shard may send before the start of its task was answered. Kept in order,
 * bounded in bytes. Thread: main.
 */
import type { OutputFrame } from '../engine/engine-api.js'

const maxBytes = 16 * 1024 * 1024
/** A task that has not started by then never does. */
const keptMs = 60_000

interface Early extends OutputFrame {
  readonly sinceMs: number
}

export class EarlyFrames {
  /** Frames that found no room, or whose task never started. */
  dropped = 0
  private frames: Early[] = []
  private bytes = 0

  keep(frame: OutputFrame): void {
    const now = performance.now()
    while (this.frames.length > 0 && now - this.frames[0].sinceMs > keptMs) {
      this.bytes -= this.frames.shift()!.payload.length
      this.dropped++
    }
    if (this.bytes + frame.payload.length > maxBytes) {
      this.dropped++
      return
    }
    this.bytes += frame.payload.length
    this.frames.push({ ...frame, payload: frame.payload.slice(), sinceMs: now })
  }

  /** The frames of a run, which are kept no longer. */
  take(taskKey: number): OutputFrame[] {
    if (this.frames.length === 0) return []
    const mine = this.frames.filter((f) => f.taskKey === taskKey)
    this.frames = this.frames.filter((f) => f.taskKey !== taskKey)
    for (const f of mine) this.bytes -= f.payload.length
    return mine
  }
}
