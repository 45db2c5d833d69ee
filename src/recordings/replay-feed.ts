/**
 * Feeds a recording of a stream to a run: as fast as the run takes it, or at the pace of its times; with these times, or moved
 * to the present (spec http-cli 8). Thread: main.
 */
import { constants, type ReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { errorText, ShardlineError } from '../errors.js'
import { openRegular } from '../regular-file.js'
import { type RecordedPoint, RecordingReader } from './replay-reader.js'

export interface FeedOptions {
  readonly path: string
  readonly clock: 'fast' | 'real'
  /** Keep the recorded times; else the first point is moved to `startNs` and the others with it. */
  readonly recordingTime: boolean
  /** When the replay was created: the pace of the real clock counts from here. */
  readonly startNs: bigint
  readonly nowNs: () => bigint
  readonly signal: AbortSignal
  /** Points of one (db, rp) as line protocol in ns. The bytes are the callee's. */
  readonly write: (db: string, rp: string, body: Uint8Array) => Promise<void>
  /** Which points the run reads. */
  readonly wants: (db: string, rp: string) => boolean
  /** Part of the file that was read, 0 … 1. */
  readonly progress: (part: number) => void
}

/** Bytes that are written at once. */
const bodyBytes = 128 * 1024
/** Longest single wait, so that a changed clock is noticed. */
const maxSleepMs = 60_000

/** Points on their way, of one (db, rp). */
class Body {
  db = ''
  rp = ''
  length = 0
  private bytes = Buffer.allocUnsafe(2 * bodyBytes)

  add(p: RecordedPoint, timeNs: bigint): void {
    const needed = this.length + (p.end - p.start) + 24
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(needed * 2)
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    this.bytes.set(p.bytes.subarray(p.start, p.end), this.length)
    this.length += p.end - p.start
    this.length += this.bytes.write(` ${timeNs}\n`, this.length, 'latin1')
    this.db = p.db
    this.rp = p.rp
  }

  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length)
    this.bytes = Buffer.allocUnsafe(2 * bodyBytes)
    this.length = 0
    return taken
  }
}

/** Throws a ShardlineError with the original's text, or the signal's reason. */
export async function feedRecording(options: FeedOptions): Promise<void> {
  const { signal } = options
  const { file, size } = await openFile(options.path)
  const parts = createGunzip()
  file.on('error', (err) => parts.destroy(err))
  file.pipe(parts)
  const feed = new Feed(options)
  try {
    for await (const part of parts) {
      await feed.take(part as Buffer, false)
      options.progress(size === 0 ? 1 : Math.min(1, file.bytesRead / size))
      signal.throwIfAborted()
    }
    await feed.take(Buffer.alloc(0), true)
  } catch (err) {
    signal.throwIfAborted()
    throw err instanceof ShardlineError ? err : new ShardlineError('bad-recording', readErrorText(err))
  } finally {
    file.destroy()
    parts.destroy()
  }
}

async function openFile(path: string): Promise<{ file: ReadStream; size: number }> {
  try {
    const handle = await openRegular(path, constants.O_RDONLY)
    const { size } = await handle.stat()
    return { file: handle.createReadStream(), size }
  } catch (err) {
    const missing = (err as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = missing ? `open ${path}: no such file or directory` : errorText(err)
    throw new ShardlineError('bad-recording', `data source open: ${reason}`)
  }
}

function readErrorText(err: unknown): string {
  const text = errorText(err)
  if (text.includes('incorrect header')) return 'data source open: gzip: invalid header'
  return text.includes('unexpected end of file') ? 'unexpected EOF' : text
}

class Feed {
  private readonly reader = new RecordingReader()
  private readonly body = new Body()
  private firstNs: bigint | null = null

  constructor(private readonly options: FeedOptions) {}

  async take(part: Buffer, isLast: boolean): Promise<void> {
    const { options, body } = this
    try {
      for (const p of this.reader.read(part, isLast)) {
        if (!options.wants(p.db, p.rp)) continue
        this.firstNs ??= p.timeNs
        const atNs = options.startNs + (p.timeNs - this.firstNs)
        if (body.length >= bodyBytes || (body.length > 0 && (p.db !== body.db || p.rp !== body.rp))) await this.flush()
        if (options.clock === 'real') await this.waitUntil(atNs)
        body.add(p, options.recordingTime ? p.timeNs : atNs)
      }
    } finally {
      // What stands before a broken point is replayed, as in the original.
      if (!options.signal.aborted) await this.flush()
    }
  }

  private async flush(): Promise<void> {
    const { body } = this
    if (body.length > 0) await this.options.write(body.db, body.rp, body.take())
  }

  private async waitUntil(atNs: bigint): Promise<void> {
    for (;;) {
      const waitMs = Number(atNs - this.options.nowNs()) / 1e6
      if (waitMs <= 0) return
      await this.flush()
      await sleep(Math.min(waitMs, maxSleepMs), undefined, { signal: this.options.signal })
    }
  }
}
