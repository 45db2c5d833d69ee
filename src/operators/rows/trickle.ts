/** `trickle` (1.6): the rows of batches become rows of a stream, with their own tags and times. Thread: shard worker. */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { RowGroups, RowSelector } from '../kit/select-rows.js'
import { Operator } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const trickleDef: NodeDef = {
  method: 'trickle',
  kind: 'trickle',
  goType: 'TrickleNode',
  doc: 'Turns batches into a stream of their points.',
  accepts: 'batch',
  emits: 'stream',
  edgeError: 'cannot Trickle stream edge',
  args: [],
  properties: [],
  effects: () => ({ reads: [] }),
}

class TrickleOperator extends Operator {
  private readonly rowGroups = new RowGroups()
  private readonly selector = new RowSelector()
  private readonly rows = new Int32Array(maxChunkRows)

  receive(chunk: Chunk): void {
    const w = chunk.windows
    if (w === null || chunk.n === 0) return
    const out = chunk.derive()
    out.groups = this.rowGroups.of(chunk)
    out.windows = null
    out.db = ''
    out.rp = ''
    if (chunk.n <= maxChunkRows && coversRows(chunk)) {
      this.emit(out)
      return
    }
    let n = 0
    for (let i = 0; i < w.n; i++) {
      for (let r = w.starts[i]; r < w.ends[i]; r++) {
        this.rows[n++] = r
        if (n < maxChunkRows) continue
        this.emit(this.selector.select(out, this.rows, n))
        n = 0
      }
    }
    if (n > 0) this.emit(this.selector.select(out, this.rows, n))
  }
}

/** The windows follow each other without gaps from the first row to the last. */
function coversRows(chunk: Chunk): boolean {
  const w = chunk.windows!
  let next = 0
  for (let i = 0; i < w.n; i++) {
    if (w.starts[i] !== next) return false
    next = w.ends[i]
  }
  return next === chunk.n
}

export const trickleEntry: OperatorEntry = { def: trickleDef, create: (_planned, ctx) => new TrickleOperator(ctx) }
