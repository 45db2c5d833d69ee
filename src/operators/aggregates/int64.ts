/** int64 sums and differences in two 32-bit words, wrapping as in the original. No BigInt, nothing allocated. Thread: shard worker. */
export class Int64Sum {
  lo = 0
  hi = 0

  reset(): void {
    this.lo = 0
    this.hi = 0
  }

  add(lo: number, hi: number): void {
    const sum = (this.lo >>> 0) + (lo >>> 0)
    this.lo = sum | 0
    this.hi = (this.hi + hi + (sum > 0xffffffff ? 1 : 0)) | 0
  }

  subtract(lo: number, hi: number): void {
    const borrow = this.lo >>> 0 < lo >>> 0 ? 1 : 0
    this.lo = (this.lo - lo) | 0
    this.hi = (this.hi - hi - borrow) | 0
  }

  /** As a double, rounded once. */
  toNumber(): number {
    return this.hi * 4294967296 + (this.lo >>> 0)
  }
}

export function lessInt64(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi < bHi || (aHi === bHi && aLo >>> 0 < bLo >>> 0)
}

/** Adds an int64 to the one at word `at`. */
export function addWords(page: Int32Array, at: number, lo: number, hi: number): void {
  const sum = (page[at] >>> 0) + (lo >>> 0)
  page[at] = sum | 0
  page[at + 1] = (page[at + 1] + hi + (sum > 0xffffffff ? 1 : 0)) | 0
}

export function subtractWords(page: Int32Array, at: number, lo: number, hi: number): void {
  const borrow = page[at] >>> 0 < lo >>> 0 ? 1 : 0
  page[at] = (page[at] - lo) | 0
  page[at + 1] = (page[at + 1] - hi - borrow) | 0
}

/** Widens the range whose ends are the two pairs of words at `at`; `first`: there is none yet. */
export function rangeWords(page: Int32Array, at: number, lo: number, hi: number, first: boolean): void {
  const low = at
  const high = at + 2
  if (first || lessInt64(lo, hi, page[low], page[low + 1])) {
    page[low] = lo
    page[low + 1] = hi
  }
  if (first || lessInt64(page[high], page[high + 1], lo, hi)) {
    page[high] = lo
    page[high + 1] = hi
  }
}
