/** The engine's options, checked once, and how a shard's memory is divided. Thread: main. */
import { hostname } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { ShardlineError } from '../errors.js'
import { type Log, silentLog } from '../log.js'
import type { ServerInfo, StatePolicy, TaskPolicy } from '../transport/messages.js'
import { type Clock, systemClock } from './clock.js'

/** How long a drain may take where nothing else is said. */
export const defaultDrainMs = 30_000

export interface EngineOptions {
  readonly shards: number
  /** Everything a shard may take: its state, its V8 heap, its scratch. */
  readonly shardMemoryBytes: number
  /** Slots for batches on their way, of `slotBytes` each; a request takes at least one, a large one several. */
  readonly slots?: number
  readonly slotBytes?: number
  /** Places of each shard's ring, a power of two. */
  readonly ringEntries?: number
  /** Bytes of each shard's output ring, a power of two. */
  readonly outputBytes?: number
  /** What UDP does when there is no room. HTTP always waits, then answers 503. */
  readonly udpPolicy?: 'drop-oldest' | 'drop-newest' | 'block'
  /** How long a write may wait for room. */
  readonly writeWaitMs?: number
  /** Bytes of the writes that may wait. */
  readonly waitingBytes?: number
  /** Groups not seen for this long are evicted; 0: never. */
  readonly idleGroupMs?: number
  /** Windows and joins close so long after their time without a next point; 0: they wait for one. */
  readonly closeAfterMs?: number
  readonly statePolicy?: StatePolicy
  readonly taskPolicy?: TaskPolicy
  /** Deadline of a drain. */
  readonly drainMs?: number
  /** Deadline of any other answer from the shards. */
  readonly answerMs?: number
  /** V8 heap of each shard; part of `shardMemoryBytes`. */
  readonly heapBytes?: number
  /** Shard k can be debugged at this port + k of the loopback address; 0: none can. */
  readonly inspectPort?: number
  readonly clock?: Clock
  readonly log?: Log
  readonly server?: ServerInfo
  /** URL of the module whose default export runs a shard (shard/worker.ts): the only word on what tasks are made of. */
  readonly shardThread: string
}

export interface CompiledEngineOptions extends Required<EngineOptions> {
  /** Budget of a shard's state pages. */
  readonly stateBytes: number
  /** Most slots that one shard may hold, so that a slow one leaves some to the others. */
  readonly maxSlotsHeld: number
  readonly resourceLimits: ResourceLimits
}

/**
 * A shard's scratch outside the V8 heap: batch columns (8192 rows × 17 bytes per encoded column), the operators' output
 * columns, hashes, times.
 */
export const scratchBytes = 8 * 1024 * 1024
const minHeapBytes = 48 * 1024 * 1024
const maxHeapBytes = 1024 * 1024 * 1024
/**
 * Bytes of slots that writes over HTTP may have in the hands of one shard. They need no more to keep it busy, and what is
 * once used of a slot stays resident; datagrams cannot wait outside and may use all slots.
 */
export const httpBytesHeld = 12 * 1024 * 1024
const minStateBytes = 1024 * 1024
/** V8's young generation counts against the heap too. */
const youngBytes = 4 * 1024 * 1024

export function compileOptions(o: EngineOptions): CompiledEngineOptions {
  if (!Number.isInteger(o.shards) || o.shards < 1 || o.shards > 1024) throw invalid(`shards: ${o.shards}`)
  const heapBytes = o.heapBytes ?? clamp(o.shardMemoryBytes / 4, minHeapBytes, maxHeapBytes)
  const stateBytes = Math.floor(o.shardMemoryBytes - heapBytes - scratchBytes)
  if (stateBytes < minStateBytes) {
    const least = heapBytes + scratchBytes + minStateBytes
    throw invalid(`shard-memory: ${o.shardMemoryBytes} bytes; the heap and the scratch of a shard need ${least}`)
  }
  const slots = o.slots ?? 256
  if (!Number.isInteger(slots) || slots < 2 || slots > 65536) throw invalid(`slots: ${slots}`)
  const slotBytes = (o.slotBytes ?? 256 * 1024) & ~7
  if (slotBytes < 4096 || slots * slotBytes > 2 ** 31 - 65536) throw invalid(`slot-bytes: ${slotBytes}`)
  return {
    shards: o.shards,
    shardMemoryBytes: o.shardMemoryBytes,
    slots,
    slotBytes,
    inspectPort: o.inspectPort ?? 0,
    ringEntries: o.ringEntries ?? 4096,
    outputBytes: o.outputBytes ?? 4 * 1024 * 1024,
    udpPolicy: o.udpPolicy ?? 'drop-oldest',
    writeWaitMs: o.writeWaitMs ?? 10_000,
    waitingBytes: o.waitingBytes ?? 64 * 1024 * 1024,
    idleGroupMs: o.idleGroupMs ?? 0,
    closeAfterMs: o.closeAfterMs ?? 0,
    statePolicy: o.statePolicy ?? 'drop-oldest',
    taskPolicy: o.taskPolicy ?? 'block',
    drainMs: o.drainMs ?? defaultDrainMs,
    answerMs: o.answerMs ?? 10_000,
    heapBytes,
    clock: o.clock ?? systemClock,
    log: o.log ?? silentLog,
    server: o.server ?? { hostname: hostname(), clusterId: '', serverId: '' },
    shardThread: o.shardThread,
    stateBytes,
    maxSlotsHeld: Math.max(1, slots - Math.max(1, slots >> 2)),
    resourceLimits: {
      maxOldGenerationSizeMb: Math.floor((heapBytes - youngBytes) / 1024 / 1024),
      maxYoungGenerationSizeMb: youngBytes / 1024 / 1024,
      stackSizeMb: 4,
    },
  }
}

function clamp(v: number, min: number, max: number): number {
  return Math.floor(Math.min(Math.max(v, min), max))
}

function invalid(text: string): ShardlineError {
  return new ShardlineError('engine-options', `invalid engine option ${text}`)
}
