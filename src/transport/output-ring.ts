/**
 * The byte ring of frames from one shard to main (alert events, log lines, requests). Threads: the shard worker writes,
 * main reads.
 *
 *   header (256 bytes)  i32: HEAD (bytes read) · TAIL (bytes written) · READER_WAITS · CLOSED, on cache lines of their own
 *   frame               i32: payload bytes, type | flags, task key, node index; then the payload, padded to 8
 *
 * HEAD and TAIL count bytes modulo 2^32. A frame never wraps: when it does not fit before the end, a Pad frame fills the
 * rest. A payload longer than a quarter of the ring goes as several frames, all but the last with More set; main joins them.
 */
const HEAD = 0
const TAIL = 16
const READER_WAITS = 32
const CLOSED = 48

const headerBytes = 256
const frameBytes = 16
const Pad = 0
const More = 1 << 16

/** Longer payloads are refused and counted: main would have to join them in memory of its own. */
export const maxPayloadBytes = 64 * 1024 * 1024

const align8 = (n: number): number => (n + 7) & ~7

/** The memory of an output ring; `bytes` is a power of two. */
export function outputBuffer(bytes: number): SharedArrayBuffer {
  if (bytes < 1024 || bytes > 1 << 30 || (bytes & (bytes - 1)) !== 0)
    throw new RangeError(`output ring of ${bytes} bytes: not a power of two in 1 KiB … 1 GiB`)
  return new SharedArrayBuffer(headerBytes + bytes)
}

class OutputMemory {
  protected readonly i32: Int32Array
  protected readonly bytes: Uint8Array
  protected readonly capacity: number

  constructor(readonly sab: SharedArrayBuffer) {
    this.i32 = new Int32Array(sab)
    this.bytes = new Uint8Array(sab, headerBytes)
    this.capacity = this.bytes.length
  }

  /** i32 index of a byte position. */
  protected at(position: number): number {
    return (headerBytes + (position & (this.capacity - 1))) >> 2
  }
}

/** What a frame says of itself beside its payload. */
interface FrameHead {
  type: number
  taskKey: number
  nodeIndex: number
}

export class OutputWriter extends OutputMemory {
  /** Frames refused: too long, or the ring was closed. */
  refused = 0
  /** Milliseconds spent waiting for main. */
  blockedMs = 0
  /** Of the frame being written. */
  private readonly head: FrameHead = { type: 0, taskKey: 0, nodeIndex: 0 }

  /** Bytes written so far, modulo 2^32. */
  get written(): number {
    return this.i32[TAIL]
  }

  /** Writes one frame; waits while the ring is full. False: refused (too long, or main has closed the ring). */
  send(type: number, taskKey: number, nodeIndex: number, payload: Uint8Array): boolean {
    if (payload.length > maxPayloadBytes) {
      this.refused++
      return false
    }
    const most = (this.capacity >> 2) - frameBytes
    const { head } = this
    head.type = type | More
    head.taskKey = taskKey
    head.nodeIndex = nodeIndex
    let from = 0
    while (payload.length - from > most) {
      if (!this.frame(head, payload, from, most)) return false
      from += most
    }
    head.type = type
    return this.frame(head, payload, from, payload.length - from)
  }

  private frame(head: FrameHead, payload: Uint8Array, from: number, n: number): boolean {
    const i32 = this.i32
    const size = frameBytes + align8(n)
    let tail = i32[TAIL]
    const toEnd = this.capacity - (tail & (this.capacity - 1))
    if (!this.waitForRoom(toEnd < size ? toEnd + size : size)) {
      this.refused++
      return false
    }
    if (toEnd < size) {
      i32[this.at(tail)] = toEnd - 8
      i32[this.at(tail) + 1] = Pad
      tail = (tail + toEnd) | 0
    }
    const w = this.at(tail)
    i32[w] = n
    i32[w + 1] = head.type
    i32[w + 2] = head.taskKey
    i32[w + 3] = head.nodeIndex
    const o = (tail & (this.capacity - 1)) + frameBytes
    if (n < 64) for (let i = 0; i < n; i++) this.bytes[o + i] = payload[from + i]
    else this.bytes.set(from === 0 && n === payload.length ? payload : payload.subarray(from, from + n), o)
    // Pairs with the load of TAIL in drain() and in waitForFrames().
    Atomics.store(i32, TAIL, (tail + size) | 0)
    // Pairs with the store of READER_WAITS in waitForFrames().
    if (Atomics.load(i32, READER_WAITS) !== 0) Atomics.notify(i32, TAIL)
    return true
  }

  private waitForRoom(bytes: number): boolean {
    const i32 = this.i32
    // Pairs with the store of HEAD in drain().
    let head = Atomics.load(i32, HEAD)
    if (this.capacity - ((i32[TAIL] - head) >>> 0) >= bytes) return true
    const start = performance.now()
    for (;;) {
      if (Atomics.load(i32, CLOSED) !== 0) return false
      Atomics.wait(i32, HEAD, head, 50)
      head = Atomics.load(i32, HEAD)
      if (this.capacity - ((i32[TAIL] - head) >>> 0) >= bytes) {
        this.blockedMs += performance.now() - start
        return true
      }
    }
  }
}

/** Called for each whole frame; `payload` is valid during the call only. */
export type OnFrame = (type: number, taskKey: number, nodeIndex: number, payload: Uint8Array) => void

export class OutputReader extends OutputMemory {
  private parts: Uint8Array[] = []

  /** Bytes of frames that have been handled, modulo 2^32. */
  get read(): number {
    return this.i32[HEAD]
  }

  get pendingBytes(): number {
    return (this.written - this.i32[HEAD]) >>> 0
  }

  /** Bytes of frames that have been sent, modulo 2^32. */
  get written(): number {
    return Atomics.load(this.i32, TAIL)
  }

  /** Hands on frames until none is left, `maxFrames` were seen or `deadlineMs` (performance.now()) has passed. */
  drain(onFrame: OnFrame, maxFrames: number, deadlineMs: number): boolean {
    const i32 = this.i32
    let head = i32[HEAD]
    let seen = 0
    try {
      for (; ; seen++) {
        // Pairs with the store in frame().
        if (head === Atomics.load(i32, TAIL)) return false
        if (seen >= maxFrames || ((seen & 15) === 15 && performance.now() > deadlineMs)) return true
        const w = this.at(head)
        const n = i32[w]
        const type = i32[w + 1]
        const o = (head & (this.capacity - 1)) + frameBytes
        head = (head + (type === Pad ? 8 + n : frameBytes + align8(n))) | 0
        if (type !== Pad) this.deliver(type, i32[w + 2], i32[w + 3], this.bytes.subarray(o, o + n), onFrame)
        // Pairs with the load in waitForRoom().
        Atomics.store(i32, HEAD, head)
      }
    } finally {
      // A handler that threw must not see its frame again.
      Atomics.store(i32, HEAD, head)
      if (seen > 0) Atomics.notify(i32, HEAD)
    }
  }

  /** Resolves when there are frames; null when there are some already. */
  waitForFrames(): Promise<unknown> | null {
    const i32 = this.i32
    const head = i32[HEAD]
    // Pairs with the load in frame(): a writer that moves TAIL from here on notifies.
    Atomics.store(i32, READER_WAITS, 1)
    const waiting = Atomics.waitAsync(i32, TAIL, head)
    if (waiting.async) return waiting.value.then(() => Atomics.store(i32, READER_WAITS, 0))
    Atomics.store(i32, READER_WAITS, 0)
    return null
  }

  /** Ends a pending waitForFrames() of this reader. */
  poke(): void {
    Atomics.notify(this.i32, TAIL)
  }

  /** From here on the writer no longer waits: what does not fit is refused. */
  close(): void {
    Atomics.store(this.i32, CLOSED, 1)
    Atomics.notify(this.i32, HEAD)
  }

  /** Forgets what a crashed writer has left half done. */
  resetWriter(): void {
    this.parts = []
  }

  private deliver(flags: number, taskKey: number, nodeIndex: number, payload: Uint8Array, onFrame: OnFrame): void {
    const type = flags & ~More
    if ((flags & More) !== 0) {
      this.parts.push(payload.slice())
      return
    }
    if (this.parts.length === 0) {
      onFrame(type, taskKey, nodeIndex, payload)
      return
    }
    const whole = Buffer.concat([...this.parts, payload])
    this.parts = []
    onFrame(type, taskKey, nodeIndex, whole)
  }
}
