/**
 * Gives dropped segments back to the system: the process keeps a dropped SharedArrayBuffer until V8 collects garbage, and
 * V8 does not count its bytes as pressure. Rate-limited; nothing happens below `minBytes`. Thread: shard worker.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ShardMemory } from './pages.js'

const minBytes = 16 * 1024 * 1024
const intervalMs = 30_000

let gc: (() => void) | null = null
let lastMs = Number.NEGATIVE_INFINITY

export function collectGarbage(memory: ShardMemory): void {
  const now = performance.now()
  if (memory.droppedBytes < minBytes || now - lastMs < intervalMs) return
  lastMs = now
  if (gc === null) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as () => void
  }
  gc()
  memory.collected()
}
