/**
 * What kapacitorLoopback and influxDBOut share: rows become line protocol in frames for main, which owns the sockets and the
 * write path. A frame goes out at the end of a chunk, or earlier when it is long. Thread: shard worker; keeps no state.
 */
import type { Chunk } from '../../columns/chunk.js'
import { Operator, type OperatorContext } from '../operator.js'
import { LineEncoder, type LineEncoderOptions } from './line-encoder.js'
import { LineFrameWriter } from './line-frame.js'

/** A frame of this size is sent before the chunk ends. */
const fullFrameBytes = 256 * 1024

export interface LineSinkOptions extends LineEncoderOptions {
  /** Constant of transport/output.ts. */
  readonly frameType: number
  /** '' = those of the chunk. */
  readonly db: string
  readonly rp: string
  /** Batches keep their own name whatever `measurement` says. */
  readonly batchesKeepName: boolean
  /** What the log says of rows that cannot be written. */
  readonly errorText: string
}

export class LineSinkOperator extends Operator {
  private readonly encoder: LineEncoder
  private readonly frames = new LineFrameWriter()
  private refusedRows = 0
  private refusal = ''

  constructor(
    ctx: OperatorContext,
    protected readonly options: LineSinkOptions,
  ) {
    super(ctx)
    this.encoder = new LineEncoder(options)
  }

  receive(chunk: Chunk): void {
    const { options } = this
    this.frames.scope(options.db === '' ? chunk.db : options.db, options.rp === '' ? chunk.rp : options.rp)
    if (chunk.windows === null) {
      this.encoder.begin(chunk)
      for (let r = 0; r < chunk.n; r++) this.row(chunk, r)
    } else {
      this.encoder.begin(chunk, options.batchesKeepName)
      for (let w = 0; w < chunk.windows.n; w++) this.window(chunk, w)
    }
    this.send()
    if (this.refusedRows === 0) return
    this.ctx.error(options.errorText, this.refusal, this.refusedRows)
    this.ctx.dropped('error', this.refusedRows)
    this.refusedRows = 0
  }

  override barrier(): void {}

  override deleteGroup(): void {}

  private row(chunk: Chunk, r: number): void {
    const { out } = this.encoder
    const start = out.length
    if (!this.append(r, chunk.groups[r])) return
    this.frames.unit(out.length - start, 1)
    if (out.length >= fullFrameBytes) this.send()
  }

  private window(chunk: Chunk, w: number): void {
    const { groups, starts, ends } = chunk.windows!
    const { out } = this.encoder
    const start = out.length
    let rows = 0
    for (let r = starts[w]; r < ends[w]; r++) if (this.append(r, groups[w])) rows++
    if (rows > 0) this.frames.unit(out.length - start, rows)
    if (out.length >= fullFrameBytes) this.send()
  }

  private append(row: number, group: number): boolean {
    if (this.encoder.append(row, group)) return true
    if (this.refusedRows++ === 0) this.refusal = this.encoder.refusal
    return false
  }

  private send(): void {
    const { encoder, frames } = this
    if (frames.units === 0) return
    const frame = frames.finish(encoder.out.bytes, encoder.out.length, encoder.skipped)
    this.ctx.outbox.send(this.options.frameType, this.ctx.nodeIndex, frame)
    encoder.out.reset()
    encoder.skipped = 0
  }
}
