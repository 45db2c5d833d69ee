/**
 * Records of doubles, by slot, some of which hold an int64 or whatever else a cell's payload is: the same page as doubles and as
 * 32-bit words. Reading a double that was just written as two words would wait for both to leave the store buffer.
 * Thread: shard worker.
 */
import type { Pages, StateAllocator } from '../../state/pages.js'

export class Records {
  readonly doubles: Pages<Float64Array>
  /** Per page; valid from `refresh` until the next `ensure`. */
  readonly words: Int32Array[] = []

  /** `stride`: doubles per record. */
  constructor(
    state: StateAllocator,
    readonly stride: number,
  ) {
    this.doubles = state.f64(stride)
  }

  ensure(slot: number): boolean {
    return this.doubles.ensure(slot)
  }

  /** Zeroes a record, if it is there. */
  clear(slot: number): void {
    if (this.doubles.has(slot)) this.doubles.clear(slot)
  }

  refresh(): void {
    const { doubles, words } = this
    for (let p = 0; p < doubles.pages.length; p++) {
      const page = doubles.pages[p]
      const known = words[p]
      if (page === undefined || (known?.buffer === page.buffer && known.byteOffset === page.byteOffset)) continue
      words[p] = new Int32Array(page.buffer, page.byteOffset, page.length * 2)
    }
  }

  release(): void {
    this.doubles.release()
    this.words.length = 0
  }
}
