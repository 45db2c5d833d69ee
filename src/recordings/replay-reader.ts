/**
 * Reads recordings of streams: three lines per point, as they come out of the gzip (spec http-cli 8). Thread: any. A point may
 * contain line feeds in strings, which the original cannot read back.
 */
import { LineTokens } from '../columns/line-tokens.js'
import { ShardlineError } from '../errors.js'
import { type CheckedLine, checkLine, lineEnd } from '../ingest/line-grammar.js'

/** The point just read: without its time it is bytes[start … end). Reused for the next one. */
export interface RecordedPoint {
  db: string
  rp: string
  bytes: Uint8Array
  start: number
  end: number
  timeNs: bigint
}

/** The longest point with its database; a line of the original's files has 64 KiB at most. */
const maxPointBytes = 1 << 20
const lineFeed = 10
const carriageReturn = 13

const failure = (text: string): ShardlineError => new ShardlineError('bad-recording', text)

export class RecordingReader {
  private rest: Buffer = Buffer.alloc(0)
  private readonly tokens = new LineTokens()
  private readonly checked: CheckedLine = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  private readonly point: RecordedPoint = { db: '', rp: '', bytes: this.rest, start: 0, end: 0, timeNs: 0n }

  /** Where a point ends that the file ends with, or that is not closed. */
  private unquotedEnd(b: Buffer, start: number): number {
    if (checkLine(b, start, b.length, 'n', this.checked) === '') return b.length
    const end = b.indexOf(lineFeed, start)
    return end < 0 ? b.length : end
  }

  /** The points that end in this part of the file. Throws a ShardlineError for what is no recording. */
  *read(part: Buffer, isLast = false): Generator<RecordedPoint> {
    const b = this.rest.length === 0 ? part : Buffer.concat([this.rest, part])
    let pos = 0
    while (pos < b.length) {
      const dbEnd = b.indexOf(lineFeed, pos)
      const rpEnd = dbEnd < 0 ? -1 : b.indexOf(lineFeed, dbEnd + 1)
      const start = rpEnd + 1
      const end = rpEnd < 0 ? b.length : lineEnd(b, start, b.length)
      const isWhole = rpEnd >= 0 && end < b.length
      if (!isWhole && !isLast && b.length - pos <= maxPointBytes) break
      if (rpEnd < 0 || start >= b.length) throw failure('invalid replay file format, expected another line')
      this.point.db = text(b, pos, dbEnd)
      this.point.rp = text(b, dbEnd + 1, rpEnd)
      pos = this.line(b, start, isWhole ? end : this.unquotedEnd(b, start)) + 1
      if (this.point.end > this.point.start) yield this.point
    }
    this.rest = Buffer.from(b.subarray(pos))
  }

  /** Takes the line [start, end) apart; answers `end`. */
  private line(b: Buffer, start: number, lineTo: number): number {
    const { point, tokens, checked } = this
    const end = lineTo > start && b[lineTo - 1] === carriageReturn ? lineTo - 1 : lineTo
    point.bytes = b
    point.start = start
    point.end = start
    if (end === start) return lineTo
    const reason = checkLine(b, start, end, 'n', checked)
    if (reason !== '') throw failure(`unable to parse '${b.toString('utf8', start, end)}': ${reason}`)
    if (!checked.hasTime) throw failure(`unable to parse '${b.toString('utf8', start, end)}': missing timestamp`)
    tokens.readKey(b, start, end)
    point.end = tokens.readFields(b, tokens.keyEnd, end)
    point.timeNs = (BigInt(checked.time[1]) << 32n) | BigInt(checked.time[0] >>> 0)
    return lineTo
  }
}

function text(b: Buffer, start: number, end: number): string {
  return b.toString('utf8', start, end > start && b[end - 1] === carriageReturn ? end - 1 : end)
}
