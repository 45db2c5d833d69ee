/** A column of 8-byte cells seen as float64 and as pairs of int32. Thread: shard worker. */
import type { Pages } from '../../state/pages.js'

export class WordPages {
  readonly words: Int32Array[] = []

  constructor(readonly f64: Pages<Float64Array>) {}

  /** As Pages.ensure. */
  ensure(i: number): boolean {
    if (!this.f64.ensure(i)) return false
    const p = i >> this.f64.shift
    const page = this.f64.pages[p]
    // The first page is replaced by a longer one as it grows.
    if (this.words[p] === undefined || this.words[p].length !== page.length * 2) {
      while (this.words.length < p) this.words.push(undefined as unknown as Int32Array)
      this.words[p] = new Int32Array(page.buffer, page.byteOffset, page.length * 2)
    }
    return true
  }

  release(): void {
    this.f64.release()
    this.words.length = 0
  }
}
