/**
 * One client that follows the log. What it does not read waits in its connection up to a bound; then lines are dropped for it,
 * and from time to time it is told how many. Once that line goes through, the next ones follow. Thread: main.
 */
import type { BodyStream } from '../http/http.js'
import type { LogLine } from '../observe/logger.js'

/** Lines that may wait in the connection. */
const maxHeldBytes = 1 << 20
/** Between two tries to tell. */
const firstPauseMs = 1000
const longestPauseMs = 8000

const droppedText = 'lines were dropped: the log is read more slowly than it is written'

export class LogFollower {
  private heldBytes = 0
  /** Since the client was told. */
  private dropped = 0
  private pauseMs = firstPauseMs
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly stream: BodyStream,
    private readonly format: (line: LogLine) => string,
    private readonly countDropped: (lines: number) => void,
  ) {}

  take(line: LogLine): void {
    if (this.timer === undefined) this.write(this.format(line))
    else {
      this.dropped++
      this.countDropped(1)
    }
  }

  close(): void {
    clearTimeout(this.timer)
  }

  private write(text: string): void {
    const through = this.stream.write(text)
    this.heldBytes = through ? 0 : this.heldBytes + text.length
    if (this.heldBytes > maxHeldBytes) this.wait()
    else this.pauseMs = firstPauseMs
  }

  private wait(): void {
    this.timer = setTimeout(() => this.tell(), this.pauseMs)
    this.pauseMs = Math.min(longestPauseMs, 2 * this.pauseMs)
  }

  /** The connection does not say when it has room; a line that goes through at once does. */
  private tell(): void {
    this.timer = undefined
    const { dropped } = this
    this.dropped = 0
    if (dropped === 0) this.wait()
    else this.write(this.format({ timeMs: Date.now(), level: 'error', msg: droppedText, keys: [['dropped', dropped]] }))
  }
}
