/**
 * The tags or fields of one row while its line is made: where their keys and values are, in the order of the keys. Flat words,
 * no object per entry. Thread: shard worker.
 */
/** Where the value of an entry is. */
export const From = { Fixed: 0, Column: 1, Line: 2, Packed: 3, Key: 4, Scratch: 5, Boxed: 6 } as const

/** Words per entry: key start, key end (in `keys`), where, a, b, kind. */
export const width = 6

export class Entries {
  n = 0
  words = new Int32Array(width * 32)
  order = new Int32Array(32)

  /** A new entry; `setValue` follows. */
  add(keyStart: number, keyEnd: number): void {
    if (this.n === this.order.length) this.grow()
    const o = width * this.n
    this.words[o] = keyStart
    this.words[o + 1] = keyEnd
    this.order[this.n] = this.n++
  }

  /** Where the value of the entry added last is. */
  setValue(from: number, a: number, b: number, kind: number): void {
    const w = this.words
    const o = width * (this.n - 1)
    w[o + 2] = from
    w[o + 3] = a
    w[o + 4] = b
    w[o + 5] = kind
  }

  /** Stable, by key bytes; nearly always sorted already. */
  sort(keys: Uint8Array): void {
    const { order } = this
    for (let i = 1; i < this.n; i++) {
      const e = order[i]
      let j = i - 1
      while (j >= 0 && this.compare(keys, order[j], e) > 0) {
        order[j + 1] = order[j]
        j--
      }
      order[j + 1] = e
    }
  }

  compare(keys: Uint8Array, x: number, y: number): number {
    const w = this.words
    const a = w[width * x]
    const b = w[width * y]
    const la = w[width * x + 1] - a
    const lb = w[width * y + 1] - b
    const n = Math.min(la, lb)
    for (let i = 0; i < n; i++) {
      const d = keys[a + i] - keys[b + i]
      if (d !== 0) return d
    }
    return la - lb
  }

  private grow(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    const order = new Int32Array(this.order.length * 2)
    order.set(this.order)
    this.order = order
  }
}
