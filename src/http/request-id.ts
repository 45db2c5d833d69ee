/** Time-based UUIDs (version 1) for the Request-Id header. Unique in the process, cheap to make. Thread: main. */
import { randomBytes } from 'node:crypto'

/** 100 ns steps between 1582-10-15 and the Unix epoch. */
const gregorianOffset = 122192928000000000n

const node = randomBytes(8)
// The multicast bit marks a node id that is no hardware address.
node[2] |= 1
const clock = (((node[0] & 0x3f) | 0x80) << 8) | node[1]
const tail = `-${clock.toString(16).padStart(4, '0')}-${node.subarray(2).toString('hex')}`

let lastMs = 0
let step = 0

export function requestId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    step = 0
  } else {
    // Ten thousand steps fit into a millisecond; beyond that borrow from the next one.
    step++
    if (step === 10_000) {
      lastMs++
      step = 0
    }
  }
  const hex = (BigInt(lastMs) * 10_000n + BigInt(step) + gregorianOffset).toString(16).padStart(15, '0')
  return `${hex.slice(7)}-${hex.slice(3, 7)}-1${hex.slice(0, 3)}${tail}`
}
