/**
 * Memory of request bodies, used again: a fresh buffer per body would cost a garbage collection every few dozen bodies.
 * Sizes are powers of two; what a body does not touch costs no memory. Thread: main.
 */
const minBytes = 16 * 1024
const maxBytes = 4 * 1024 * 1024

export class BodyPool {
  private heldBytes = 0
  private readonly free = new Map<number, Uint8Array[]>()

  constructor(
    /** Bytes of the buffers kept while nobody uses them. */
    private readonly capBytes = 8 * 1024 * 1024,
  ) {}

  get keptBytes(): number {
    return this.heldBytes
  }

  /** A buffer of at least `bytes`, with anything in it. */
  take(bytes: number): Uint8Array {
    if (bytes < minBytes || bytes > maxBytes) return Buffer.allocUnsafeSlow(bytes)
    const size = 2 ** Math.ceil(Math.log2(bytes))
    const buffer = this.free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.heldBytes -= size
    return buffer
  }

  /** Takes back what `take` gave. Nobody may read it any more. */
  give(buffer: Uint8Array): void {
    const size = buffer.byteLength
    if (size < minBytes || size > maxBytes || this.heldBytes + size > this.capBytes) return
    const list = this.free.get(size)
    if (list === undefined) this.free.set(size, [buffer])
    else list.push(buffer)
    this.heldBytes += size
  }
}
