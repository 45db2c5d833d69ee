/**
 * Writes recorded points of streams in the original's format: gzip of three lines per point, that is database, retention policy
 * and the point with its time in ns (spec http-cli 8). Thread: main; compressing and writing happen on others.
 *
 * It never holds up who writes points: what the disk does not take waits here, and too much of it fails the recording.
 */
import { constants as flags } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { errorText } from '../errors.js'
import type { TapListener, TapTarget } from '../ingest/write-tap.js'
import { openRegular } from '../regular-file.js'

export interface RecordingFileOptions {
  readonly path: string
  readonly dbrps: TapListener['dbrps']
  readonly measurements: TapListener['measurements']
  /** The first point later than this ends the recording and is not part of it. */
  readonly stopNs: bigint
  /** Called once: a point came after the stop, or writing failed. */
  readonly ended: (error: string) => void
  /** Bytes that may wait for the disk. */
  readonly maxWaitingBytes?: number
  /** Bytes of points, before compression. */
  readonly maxBytes?: number
}

const blank = 32
const lineFeed = 10
/** Of a time in decimal, with its sign. */
const maxTimeLength = 20

export class RecordingFile implements TapListener {
  readonly dbrps: TapListener['dbrps']
  readonly measurements: TapListener['measurements']
  /** When the last point came, ms of performance.now(). */
  lastPointMs = performance.now()
  /** A faster level keeps up with more points on the same core. */
  private readonly gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 })
  private readonly written: Promise<void>
  private readonly maxWaitingBytes: number
  private readonly maxBytes: number
  private chunk = Buffer.allocUnsafe(64 * 1024)
  private at = 0
  private bytes = 0
  private over = false
  private error = ''
  private db = ''
  private rp = ''
  /** The two lines before each point of (db, rp). */
  private head: Uint8Array = Buffer.from('\n\n')

  constructor(private readonly options: RecordingFileOptions) {
    this.dbrps = options.dbrps
    this.measurements = options.measurements
    this.maxWaitingBytes = options.maxWaitingBytes ?? 256 * 1024 * 1024
    this.maxBytes = options.maxBytes ?? 64 * 1024 ** 3
    this.written = this.write().catch((err: unknown) => {
      this.error = errorText(err)
      this.end()
    })
  }

  point({ db, rp }: TapTarget, b: Uint8Array, start: number, end: number, timeNs: bigint): void {
    if (this.over) return
    if (timeNs > this.options.stopNs) {
      this.end()
      return
    }
    this.lastPointMs = performance.now()
    if (db !== this.db || rp !== this.rp) {
      this.db = db
      this.rp = rp
      this.head = Buffer.from(`${db}\n${rp}\n`)
    }
    const { head } = this
    this.reserve(head.length + (end - start) + maxTimeLength + 2)
    const { chunk } = this
    let at = this.at
    chunk.set(head, at)
    at += head.length
    chunk.set(b.subarray(start, end), at)
    at += end - start
    chunk[at++] = blank
    at += chunk.write(timeNs.toString(), at, 'latin1')
    chunk[at++] = lineFeed
    this.at = at
  }

  flush(): void {
    if (this.at === 0 || this.error !== '') return
    const part = this.chunk.subarray(0, this.at)
    this.bytes += this.at
    this.chunk = Buffer.allocUnsafe(Math.max(64 * 1024, Math.min(this.at, 1 << 20)))
    this.at = 0
    this.gzip.write(part)
    if (this.gzip.writableLength > this.maxWaitingBytes) {
      this.fail(`the disk is too slow: more than ${this.maxWaitingBytes} bytes wait to be written`)
    } else if (this.bytes > this.maxBytes) this.fail(`the recording has more than ${this.maxBytes} bytes`)
  }

  /** Answers the error, '' when everything is in the file. */
  async close(): Promise<string> {
    this.over = true
    this.flush()
    this.gzip.end()
    await this.written
    return this.error
  }

  private async write(): Promise<void> {
    const { path } = this.options
    const file = await openRegular(path, flags.O_WRONLY | flags.O_CREAT | flags.O_TRUNC)
    await pipeline(this.gzip, file.createWriteStream())
  }

  private reserve(length: number): void {
    if (this.at + length <= this.chunk.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.chunk.length * 2, this.at + length))
    this.chunk.copy(grown, 0, 0, this.at)
    this.chunk = grown
  }

  private fail(error: string): void {
    this.error = error
    this.end()
  }

  private end(): void {
    if (this.over) return
    this.over = true
    this.options.ended(this.error)
  }
}
