/** int64 sums and differences in two 32-bit words, wrapping as in the original. No BigInt, nothing allocated. */
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
